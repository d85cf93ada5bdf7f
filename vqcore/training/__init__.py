"""Training: the recipe, one step, the trainer, and the session that runs it in a thread."""
