"""Runs on disk: written by one training, read by anyone, at any time. Needs no torch."""
