"""Playhead's engine: the pure core, and the shell that runs it on live calls."""

__version__ = "0.1.0"
