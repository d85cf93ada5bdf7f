"""A probe for anyone's training loop: finds the quantizers of a model and records what they do. Changes nothing."""
