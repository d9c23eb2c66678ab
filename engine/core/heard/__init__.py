"""Which words of an item were heard. See `align` and `heard`."""

from engine.core.heard.aligner import Work, align
from engine.core.heard.alignment import Alignment, Heard, Method, Part, Partial, Word, heard
from engine.core.heard.features import Features

__all__ = ["Alignment", "Features", "Heard", "Method", "Part", "Partial", "Word", "Work", "align", "heard"]
