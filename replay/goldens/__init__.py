"""Golden logs: how they are written and read, and how a call becomes one."""
