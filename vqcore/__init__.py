"""The core: quantizer, problems, training and diagnosis. Knows nothing of the page that shows them."""
