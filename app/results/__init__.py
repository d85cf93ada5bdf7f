"""The Results page: a recorded ablation, opened without training."""
