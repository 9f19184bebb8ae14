"""Keeps each product's references: captures that are enrolled, and new designs that evidence or people promote."""
