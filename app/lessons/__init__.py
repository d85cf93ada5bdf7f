"""The Lessons page, and lessons as handouts."""
