"""The commands of `replay`, one module each: its arguments, its help, and what it hands to whom.

A module is imported when its command is called (see `replay.cli`), and itself imports what does the work only inside
the command: neither `--help` nor a shell that completes a word should wait for a core.
"""
