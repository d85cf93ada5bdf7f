"""Problems: a model with its data and its loss."""
