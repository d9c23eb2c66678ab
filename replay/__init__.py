"""Replay: what a call decided, decided again, offline, from its log alone.

A log holds what came in and what was commanded. The replay hands the inputs to the same core that ran the call and
compares the commands, entry by entry. Nothing here opens a socket, and nothing here knows a rule of the call: whatever
would need a special case here would be a mistake in the core.

    runner    the inputs once more through the core: same, diverged or unknown
    diff      what exactly is not the same, field by field
    two_logs  where two logs part, or a log and its replay; around, diff_report: told
    what_if   a recorded call under other settings; command_changes: what is another then;
              evidence: how far that can be believed; what_if_report: told
    sources   logs as they lie on the disk: SQLite files and golden logs
    golden    a log as lines of text that can be reviewed
    text      the call for eyes
    data      the call as JSON
    spoken    the words of a turn: which were heard, and how sure that is
    words     the words for eyes, one a line
    breaks    where speech is cut into subtitles and lines
    cues      the call as subtitles: who said what, and when
    subtitles as WebVTT and SRT
    verify    many logs, in parallel; junit: for CI
    cli       the `replay` command
"""
