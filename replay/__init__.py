"""Replay: what a call decided, decided again, offline, from its log alone.

A log holds what came in and what was commanded. The replay hands the inputs to the same core that ran the call and
compares the commands, entry by entry. Nothing here opens a socket, and nothing here knows a rule of the call: whatever
would need a special case here would be a mistake in the core.

    runner    the inputs once more through the core: same, diverged or unknown
    diff      what exactly is not the same, field by field
    sources   logs as they lie on the disk: SQLite files and golden logs
    golden    a log as lines of text that can be reviewed
    text      the call for eyes
    data      the call as JSON
    spoken    the words of a turn: which were heard, and how sure that is
    words     the words for eyes, one a line
    breaks    where speech is cut into subtitles and lines
    cues      the call as subtitles: who said what, and when
    subtitles as WebVTT and SRT
    verify    many logs, in parallel
    cli       the `replay` command
"""
