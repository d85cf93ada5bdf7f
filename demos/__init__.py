"""Demos that run with or without a browser: the toy problem in the plane, and the lessons."""
