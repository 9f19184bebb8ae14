"""Decides, alone, what leaves the belt: threshold, budget, deadline, and a random sample for labels."""
