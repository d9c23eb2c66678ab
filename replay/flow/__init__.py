"""What went to and fro, entry by entry: folded, in words, as a list and as a ladder."""
