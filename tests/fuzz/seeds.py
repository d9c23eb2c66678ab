"""Where the fuzzer begins: small inputs that go deep, written to `fixtures/fuzz` (`python -m tests.fuzz.seeds`).

Only what is made by code is written here; files that a finding left behind lie beside them and are not touched. Run it
again when the log's tables or the golden logs change: an old seed still does no harm, but a new one goes deeper.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.core import Entry, wire_engine
from engine.core.heard import Features, Work
from replay.goldens.golden import Header, make_golden
from tests import build
from tests.fuzz.sockets import HEALTH, UPGRADE, masked, unmasked
from tests.fuzz.targets import CORPUS
from tests.recordings_rig import CALL
from tests.replay_calls import HEAD, SETTINGS, write_live

CALL_SID = "CA" + "1" * 32


def main() -> None:
    for name, text in {
        "aligned": _aligned(),
        "timer": build.timer_due(),
        "closed": build.leg_closed("model", None),
        "limit": build.frame(type="limit.reached", limit="x", value=1, max=0),
    }.items():
        _write("wire_engine", name, text.encode())
    _write("words", "english", b"It is ten percent off, at 7:30.\n" + _voice())
    _write("words", "numbers", b"$8.15, 1,000,000 or +44 20 7946 0958?\n" + _voice())
    _write("words", "mixed", "Prüfung: 1234 и 你好 a\u0301 - ok\n".encode() + _voice())
    _write("call", "interrupted", "\n".join(_lines()).encode())
    _sockets()
    silent = _short_call([(sign, text) for sign, text in _frames() if "transcript" not in text])
    golden = make_golden(Header("A call.", "A seed.", HEAD, SETTINGS), silent, is_silent=True)
    _write("golden", "short", golden.text.encode())
    _write("log", "short", _log(_short_call(_frames())))
    _write("recording", "short", "\n".join(json.dumps(line) for line in CALL).encode() + b"\n")
    _write("recording", "headed", b'{"playhead_recording":1,"started_at":"2026-11-20T14:03:11+00:00"}\n')


def _write(target: str, name: str, data: bytes) -> None:
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(data)


def _voice() -> bytes:
    """Half a second that is loud and soft by turns."""
    return b"".join(bytes([code]) * 160 for code in [0x80, 0xFF, 0x90, 0x10, 0x7E] * 5)


def _aligned() -> str:
    features = Features()
    features.take(_voice())
    found = Work("One two.", features, True, None).done()
    return wire_engine.aligned("item_1", found)


def _frames() -> list[tuple[str, str]]:
    """A call in which the assistant is interrupted, as the lines of the target `call`."""
    return [
        ("e", build.leg_opened("caller")),
        ("c", build.connected()),
        ("c", build.started(CALL_SID)),
        ("e", build.leg_opened("model")),
        ("m", build.session_created()),
        ("m", build.session_updated()),
        ("c", build.media(0)),
        ("m", build.response_created()),
        ("m", build.response_item_added()),
        ("m", build.item_added()),
        ("m", build.item_audio(120)),
        ("m", build.item_words("One two.", final=True)),
        ("c", build.echo("probe-1")),
        ("c", build.media(20)),
        ("c", build.echo("mark-2")),
        ("m", build.speech_started(20)),
        ("c", build.echo("sentinel-5")),
        ("m", build.item_done()),
        ("m", build.response_done(status="cancelled")),
        ("m", build.truncated(audio_end_ms=40)),
        ("m", build.speech_stopped(500)),
        ("m", build.caller_words("Wait.")),
    ]


def _lines() -> list[str]:
    lines = [f"{sign}{text}" for sign, text in _frames()]
    return [*lines[:14], "+60", *lines[14:], "a", "+400", "e" + build.leg_closed("model", None)]


def _short_call(frames: Sequence[tuple[str, str]]) -> list[Entry]:
    harness = build.Harness()
    harness.seq = 1
    for sign, text in frames:
        {"e": harness.engine, "c": harness.caller, "m": harness.model}[sign](text)
    harness.caller(build.stopped())
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    return harness.entries


def _sockets() -> None:
    caller = [text for sign, text in _frames() if sign == "c"] + [build.stopped()]
    model = [text for sign, text in _frames() if sign == "m"]
    _write("legs", "caller", b"caller 4096\n" + b"".join(map(masked, caller)))
    _write("legs", "caller_in_pieces", b"caller 7 closes\n" + b"".join(map(masked, caller[:3])))
    _write("legs", "stop_with_start", b"caller 4096\n" + b"".join(map(masked, [*caller[:2], build.stopped()])))
    _write("legs", "model", b"model 4096\n" + b"".join(map(unmasked, model)))
    _write("legs", "answer", b"answer 4096 closes\nHTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
    odd = {"ping": b"\x89\x82abcdef", "close": b"\x88\x82\0\0\0\0\x03\xe8", "binary": b"\x82\x80abcd"}
    for name, control in odd.items():
        _write("legs", name, b"caller 4096\n" + masked(caller[0]) + control + masked(caller[1]))
    parts = b"\x01\x84\0\0\0\0" + caller[0].encode()[:4] + b"\x80\x80\0\0\0\0"
    _write("legs", "fragments", b"caller 3\n" + parts)
    _write("web", "health", HEALTH)
    _write("web", "call", UPGRADE + b"".join(map(masked, caller)))
    form = b"CallSid=" + CALL_SID.encode() + b"&From=%2B15550100"
    post = b"POST /twiml HTTP/1.1\r\nHost: b\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    _write("web", "webhook", post + b"Content-Length: %d\r\n\r\n" % len(form) + form)
    _write("web", "chunked", post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nCallS\r\n3\r\nid=\r\n0\r\n\r\n" + HEALTH)
    _write("web", "continue", post + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b")


def _log(entries: Sequence[Entry]) -> bytes:
    """The smallest file that holds such a call: not sealed, in small pages, without what only eyes need."""
    with TemporaryDirectory() as folder:
        file = write_live(Path(folder), entries)
        file.connection.execute("PRAGMA journal_mode=DELETE")
        file.connection.execute("PRAGMA page_size=512")
        file.connection.execute("VACUUM")
        file.close()
        return file.path.read_bytes()


if __name__ == "__main__":
    main()
