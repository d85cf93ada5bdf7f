"""Speed, and how right the doctor is, as ratios and shares within one run."""
