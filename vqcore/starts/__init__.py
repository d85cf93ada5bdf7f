"""Starts: trainings that collapse or lag in seconds, and experiments that each claim what they do about it."""
