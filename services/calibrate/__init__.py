"""Finds the threshold that keeps wrong sidelining within budget, from people's labels."""
