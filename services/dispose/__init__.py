"""Damage Land: what is done with a sidelined item."""
