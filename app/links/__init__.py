"""What a URL says, and what a page looks at: read, checked, and written the same way for every page."""
