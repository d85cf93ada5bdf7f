"""What outlives a browser tab: sessions, those who follow them, and jobs in the background."""
