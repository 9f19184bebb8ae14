"""Judges: one calibrated probability, what this context tolerates, and why; a label makes the next revision."""
