"""Asks for another unit when an ordered item is damaged: once per order line, and takes it back when it was intact."""
