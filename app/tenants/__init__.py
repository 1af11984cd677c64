"""Installations, and the connections between them."""
