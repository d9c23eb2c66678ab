"""The commands of `bridge`, a module for each, imported when it is called."""
