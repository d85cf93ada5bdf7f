"""The quantizer: search, straight-through estimator, affine map, k-means start, replacement."""
