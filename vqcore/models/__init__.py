"""The networks that the paper demonstrates on, each with room for a quantizer at a named place."""
