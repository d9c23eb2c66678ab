"""The call log: one SQLite file per call, which is the call. See docs/LOG_FORMAT.md for the file itself.

    errors    what can go wrong, in words for the person who runs the calls
    schema    tables, triggers and the view, as SQL; nothing else
    keys      LOG_KEY: the keys with which logs are encrypted
    cipher    how they are, value by value; the only module that needs `cryptography`
    content   the hash over what a log holds
    folder    CALLS_DIR: names, locks, finding a call
    blank     an empty log, as bytes
    create    the file of a new call
    sync      getting logs onto the disk, and what a power cut may take
    writer    `CallLog`: the append path of a live call
    reader    `read_call`: any log, live, crashed or sealed, read-only
    seal      a finished call's file made whole and moved to its day
    recover   what a killed bridge left behind, sealed at the next start
    remove    old calls, or one, taken out of folder and index
    index     CALLS_DIR/index.db: one row per sealed call, rebuilt from the files at will; index_tables, its tables
    terms     what was said, taken apart for full-text search

Import the modules, not this package: the reader must start fast and needs none of what the writer needs.
"""
