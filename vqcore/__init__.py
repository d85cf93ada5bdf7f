"""The core: quantizer, problems, training and diagnosis."""
