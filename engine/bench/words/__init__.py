"""How right the heard words are, on a folder of speech whose word times are known: `make words`."""
