"""Checkpoints from outside, read safely: every codebook found, its effective vectors and usage, and latents."""
