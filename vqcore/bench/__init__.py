"""Benchmarks of speed and of the doctor's accuracy, as ratios and shares within one run."""
