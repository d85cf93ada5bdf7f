"""What would mend a codebook without training: foretold, compared, and written into a copy."""
