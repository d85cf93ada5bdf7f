"""What stands in a page's panels: from a session's moment to the charts and words that show it."""
