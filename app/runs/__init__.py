"""The Runs page: runs on disk, listed, opened in the views of the Live page, and compared."""
