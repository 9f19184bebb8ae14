"""Damage by supplier, product, packaging, stage and type, in windows of event time, each item once."""
