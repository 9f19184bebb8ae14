"""Keeps each product's references: enrols pristine captures, in the topic and in the vector index."""
