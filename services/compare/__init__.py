"""Holds a capture against its product's references, both ways: what is there too much, what is missing."""
