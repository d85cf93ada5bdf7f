"""Sets of images to train on, read when they are asked for; files are data, and nothing in them is run."""
