"""A call without its people: what may stay of it, how the rest is replaced, and the copy that a stranger may have."""
