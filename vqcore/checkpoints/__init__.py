"""Other people's checkpoints, read safely: every codebook, its effective vectors and usage, and latents."""
