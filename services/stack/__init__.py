"""Starts the real parts and the services on one machine, and holds the command line."""
