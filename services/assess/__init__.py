"""Judges: one calibrated probability, what this context tolerates, and why; a person's label makes the next revision."""
