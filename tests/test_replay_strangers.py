"""Every string of a log comes from a stranger. Here each holds what a terminal would obey, and no command prints it."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, CallSettings, Entry
from engine.core.settings import Limits
from replay import cli
from replay.goldens.golden import Header, make_golden, write_golden
from replay.rows import Head
from tests import build
from tests.build import Harness
from tests.replay_calls import call_row, renumbered, write_sealed

EVIL = "\x1b[2J\x07\r\x9b1m\u202e"
ITEM, RESPONSE, ASIDE = f"item_{EVIL}x", f"resp_{EVIL}x", f"item_{EVIL}y"
SETTINGS = CallSettings(
    model=f"model{EVIL}",
    instructions=f"Be{EVIL} brief.",
    voice=f"voice{EVIL}",
    greeting=f"Greet{EVIL} them.",
    language=f"en{EVIL}",
    limits=Limits(pending_audio_ms_max=20),
)
HEAD = Head(f"CA{EVIL}", f"MZ{EVIL}", f"AC{EVIL}", f"2026{EVIL}-11-20T14:03:11+00:00", 1, 1, f"0.1{EVIL}")


def call() -> list[Entry]:
    """One interruption, and everything that can go wrong."""
    made = Harness(SETTINGS)
    made.engine(build.leg_opened("caller"))
    made.caller(build.connected(), build.started(), f"garbage{EVIL}", build.dtmf(EVIL), build.echo(f"mark{EVIL}"))
    made.run(60)
    made.engine(build.leg_opened("model"))
    made.model(build.session_created(), build.session_updated())
    made.run(100)
    made.model(build.response_created(RESPONSE), build.response_item_added(ITEM, RESPONSE), build.item_added(ITEM))
    made.model(build.item_words(f"Cash or{EVIL} credit? We have a discount.", ITEM, RESPONSE, final=True))
    made.model(build.item_audio(1000, ITEM, RESPONSE), build.item_done(ITEM, RESPONSE))
    made.model(build.response_done(RESPONSE, f"status{EVIL}", {"reason": f"reason{EVIL}"}))
    made.run(620)
    made.model(build.speech_started(300, ASIDE))
    made.run(660)
    made.model(
        build.model_error(f"code{EVIL}", f"message{EVIL}", f"event{EVIL}"), build.item_added(ASIDE, ITEM, "user")
    )
    made.model(build.truncated(f"other{EVIL}", 520), build.frame(type=f"odd{EVIL}.event", event_id=EVIL))
    made.run(2000)
    made.model(build.speech_stopped(1380, ASIDE), build.caller_words(f"Cash.{EVIL}", ASIDE))
    made.engine(build.leg_closed("model", 1006, f"gone{EVIL}"), build.leg_failed(502, f"refused{EVIL}"))
    made.engine(build.operator_hang_up(f"enough{EVIL}"))
    made.caller(build.stopped())
    made.engine(build.leg_closed("caller"))
    return renumbered(made.entries)


def golden(path: Path, entries: list[Entry], settings: CallSettings = SETTINGS) -> Path:
    write_golden(path, make_golden(Header(f"Title{EVIL}", f"Reason{EVIL}", HEAD, settings), entries))
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The call; one that parts from it at the clear; and the same as another bridge's."""
    folder = tmp_path_factory.mktemp("logs")
    entries = call()
    golden(folder / "call.jsonl", entries)
    odd = [
        replace(entry, type=f"clear{EVIL}", body=entry.body[:-1] + msgspec.json.encode({EVIL: EVIL}).decode()[1:])
        if entry.type == "clear"
        else entry
        for entry in entries
    ]
    golden(folder / "parts.jsonl", odd)
    golden(folder / "overheard.jsonl", entries, replace(SETTINGS, rules=RULES_OVERHEARD))
    config = msgspec.json.encode(SETTINGS).decode()
    write_sealed(
        folder, entries, call_row(stream_sid=HEAD.stream_sid, engine_version=HEAD.engine_version, config=config)
    )
    return folder


WORDS = (
    "call {} | words {} | words {} --srt | words {} --vtt | words {} --item none | events {} | events {} --media | "
    "events {} --type none | events {} --from mark:none | ladder {} | ladder {} --raw | ladder {} --mermaid | "
    "state {} --at 0.7s | state {} --at turn:2 | state {} --at end | audio {} --turn 9 -o - | stats {} --per-turn | "
    "stats {} --per-call | stats {} | verify {} | verify {} {other} | diff {} | diff {} {other} | "
    "what-if {} --set settle_ms=1 --set voice=cedar | what-if {} --set nothing=1 | audit {} | audit {} --explain | "
    "ls --calls-dir {folder} | pin {} --from turn:2 -o {out}.jsonl"
)
FORMS = [words.strip() for words in WORDS.split("|")]
JSON = [f"{name} {{}} --json" for name in ("call", "words", "events", "ladder", "stats", "verify", "diff", "audit")]


@pytest.mark.parametrize("name", ["call", "parts", "overheard"])
@pytest.mark.parametrize("form", FORMS + JSON)
def test_nothing_that_a_terminal_would_obey(form: str, name: str, logs: Path, tmp_path: Path) -> None:
    places = {"other": logs / "parts.jsonl", "folder": logs, "out": tmp_path / "out"}
    args = [word.format(logs / f"{name}.jsonl", **places) for word in form.split()]
    done = CliRunner().invoke(cli.cli, args)
    assert done.exit_code in (0, 1, 2)
    assert done.stdout or done.stderr
    shown = (done.stdout + done.stderr).replace("\n", "")
    # JSON is for programs: beyond what its strings may not hold, they hold what was said.
    harmful = {char for char in shown if not char.isprintable() and (form not in JSON or char < " ")}
    assert harmful == set()
