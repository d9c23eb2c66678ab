"""The call log: one SQLite file per call, which is the call. See docs/LOG_FORMAT.md for the file itself.

    errors    what can go wrong, in words for the person who runs the calls
    schema    tables, triggers and the view, as SQL; nothing else
    content   the hash over what a log holds
    folder    CALLS_DIR: names, locks, finding a call
    create    a new, empty file
    writer    `CallLog`: the append path of a live call
    reader    `read_call`: any log, live, crashed or sealed, read-only
    seal      a finished call's file made whole and moved to its day
    recover   what a killed bridge left behind, sealed at the next start
    index     CALLS_DIR/index.db: one row per sealed call, rebuilt from the files at will
    terms     what was said, taken apart for full-text search

Import the modules, not this package: the reader must start fast and needs none of what the writer needs.
"""
