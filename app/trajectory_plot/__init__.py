"""Paths over a loss surface, drawn, played and exported in the browser."""
