"""Measures the pages as they are served; for the core's own speed see `vqcore.bench`."""
