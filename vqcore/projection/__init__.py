"""Pictures of high-dimensional points in the plane: PCA at once, UMAP from a separate process."""
