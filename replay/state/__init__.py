"""The core's whole state, as data and for eyes."""
