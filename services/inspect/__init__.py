"""Looks at a capture once: one Triton round, scores into the event, features into the store."""
