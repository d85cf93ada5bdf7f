"""Paths over a loss surface: one method after another in lockstep, and what they have in common."""
