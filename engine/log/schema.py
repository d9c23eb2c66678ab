"""The tables of a call's log, as SQL. The comments inside are kept by SQLite: `.schema` explains the file to whoever
opens it.

An encrypted log (see `cipher`) has the same tables and another type for one column, since a STRICT table holds no blob
in TEXT. It has a format number of its own, and a log in the clear keeps the old one: versions from before there was
encryption refuse the one in words, and go on reading the other.

CHECKs are spelled with OR: `IN ('input', ...)` builds a table at each insert and costs a quarter of the whole write.
"""

from engine.core.entries import APPEND_BODY

APPLICATION_ID = 0x506C4864
"""`PlHd`: how `file` and the reader know a Playhead log (https://www.sqlite.org/fileformat.html, offset 68)."""

ENCRYPTED_FORMAT = 2
TAG_BYTES = 16
"""By which a value is longer when it is encrypted: proof that it is as it was written."""

PAGE_BYTES = 1024
"""Measured with an input and a command per commit: 2.2 KB of WAL a step, against 3.2 at 2048 and 5.1 at 4096."""
SEALED_PAGE_BYTES = 16384
"""Measured on a ten-minute call: 2.4 times its raw audio, against 2.5 at 4096 and 2.7 in the live file's pages."""

CALL = """\
CREATE TABLE call (  -- one row: whose call this is, and what the core was told before it began
  id INTEGER PRIMARY KEY CHECK (id = 1),
  call_sid TEXT NOT NULL,
  stream_sid TEXT NOT NULL,
  account_sid TEXT NOT NULL,
  started_at TEXT NOT NULL,      -- wall clock, ISO 8601, UTC: the moment of at_ns 0, read once
  format INTEGER NOT NULL,       -- how to read this file; also PRAGMA user_version
  rules INTEGER NOT NULL,        -- how the core decided
  engine_version TEXT NOT NULL,
  config TEXT NOT NULL CHECK (json_valid(config))  -- the call's settings; no secrets
) STRICT"""

ENTRY = """\
CREATE TABLE entry (  -- everything that came in, and everything that was decided, in order
  seq INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL,        -- monotonic nanoseconds since the call opened
  kind TEXT NOT NULL CHECK (kind = 'input' OR kind = 'command' OR kind = 'fault'),
  leg TEXT NOT NULL CHECK (leg = 'caller' OR leg = 'model' OR leg = 'engine'),  -- engine: not a frame
  type TEXT NOT NULL,            -- the frame's own "event" (caller) or "type" (model)
  body TEXT,                     -- the frame verbatim, its base64 audio cut out of the first ""
                                 -- NULL: {"type":"input_audio_buffer.append","audio":""}
  audio BLOB,                    -- what was cut out, decoded
  cause INTEGER REFERENCES entry (seq),  -- the entry that brought this about, or whose audio this passes on
  audio_from INTEGER,            -- the bytes of the cause's audio that are passed on; NULL: all of them
  audio_to INTEGER,
  CHECK (body IS NOT NULL OR type = 'input_audio_buffer.append'),
  CHECK ((audio_from IS NULL) = (audio_to IS NULL)),
  CHECK (cause < seq)
) STRICT"""

SEAL = """\
CREATE TABLE seal (  -- one row once the call is over and this file is complete; none: live, or crashed
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sealed_at TEXT NOT NULL,       -- wall clock, ISO 8601, UTC
  ended TEXT NOT NULL,           -- from the last end_call; 'crashed' where there is none
  reason TEXT NOT NULL,
  entries INTEGER NOT NULL,
  sha256 TEXT NOT NULL           -- of all else in call, entry and seal: docs/LOG_FORMAT.md
) STRICT"""

TABLES = (CALL, ENTRY, SEAL)

ENCRYPTED_TABLES = (
    CALL.replace("-- the call's settings; no secrets", "-- with which key this is encrypted; the call's settings"),
    ENTRY.replace(
        "body TEXT,                     -- the frame",
        "body ANY,                      -- a blob: encrypted; a text (end_call, log.gap): in the clear\n"
        "                                 -- the frame",
    ).replace("-- what was cut out, decoded", "-- what was cut out, decoded; encrypted"),
    SEAL,
)

FRAMES = f"""\
SELECT
  seq,
  round(at_ns / 1e6, 1) AS ms,
  leg,
  CASE kind WHEN 'input' THEN 'in' WHEN 'command' THEN 'out' ELSE kind END AS direction,
  type,
  ifnull(body, '{APPEND_BODY}') AS body,
  CASE
    WHEN audio IS NOT NULL THEN length(audio)
    WHEN audio_to IS NOT NULL THEN audio_to - audio_from
    WHEN kind = 'command' AND type = 'input_audio_buffer.append'
      THEN (SELECT length(source.audio) FROM entry AS source WHERE source.seq = entry.cause)
  END AS audio_bytes,
  cause
FROM entry ORDER BY seq"""
"""The view `frames`: the log for a person's eyes."""

ENCRYPTED_FRAMES = (
    FRAMES.replace("ifnull(body,", "ifnull(iif(typeof(body) = 'blob', '(encrypted)', body),")
    .replace("length(audio)", f"length(audio) - {TAG_BYTES}")
    .replace("length(source.audio)", f"length(source.audio) - {TAG_BYTES}")
)


def append_only(table: str) -> list[str]:
    """Triggers that refuse any change to a row of `table`."""
    return [
        f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'a call log is append-only'); END"
        for change in ("UPDATE", "DELETE")
    ]


SEALED = [
    f"CREATE TRIGGER {table}_is_sealed BEFORE INSERT ON {table}"
    f" BEGIN SELECT RAISE(ABORT, 'this call log is sealed'); END"
    for table in ("call", "entry", "seal")
]
"""Made when the log is sealed, not before: an insert trigger would cost every entry of a live call."""
