"""Files from outside, read safely and copied with other values: formats, and nothing about codebooks."""
