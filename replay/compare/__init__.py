"""Where two calls part: two logs, a log and this version, a log under other settings."""
