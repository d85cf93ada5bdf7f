"""The Doctor page: what is wrong with a codebook in a file, and what would mend it."""
