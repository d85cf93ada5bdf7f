"""The Live page: a codebook in training, its switches, and views that follow it."""
