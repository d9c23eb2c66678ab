"""Measures what the README claims. Every figure printed comes from the run that prints it."""
