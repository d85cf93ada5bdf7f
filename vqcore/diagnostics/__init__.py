"""What can be computed about a codebook with numpy alone."""
