"""Frames that another bridge recorded, made into a log."""
