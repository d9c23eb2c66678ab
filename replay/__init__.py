"""Replay: what a call decided, decided again, offline, from its log alone; and all that one asks of a log.

A log holds what came in and what was commanded. The replay hands the inputs to the same core that ran the call and
compares the commands, entry by entry. Nothing here opens a socket, and nothing here knows a rule of the call: whatever
would need a special case here would be a mistake in the core.

    runner     the inputs once more through the core: same, diverged or unknown
    walk       a log step by step, the core beside it; places: where in it somebody means
    sources    logs as they lie on the disk; rows: as the replay wants them
    text, data the call for eyes and as JSON; words, subtitles: its words; paint: lines of styled words
    listing    the calls of a folder; searching: what was said in them
    trouble    what went wrong, entry by entry

    flow       entries and ladder        sound      what was heard, as sound     state    the core's state
    compare    diff, what-if, verify     goldens    golden logs, pin             metrics  numbers and problems
    view       one call as a page        site       a folder as a site           audit    another bridge's mistakes
    foreign    import                    redacting  a call without its people
    commands   the command line, which `cli` puts together

    pytest_plugin    `*.calllog.jsonl` as tests, in anybody's repository
"""
