"""`replay ls`: which calls are listed, and what was said in them, heard or not; with an index or without."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core import Entry
from engine.log import index
from replay import cli, searching, wanted
from replay import runner as replay_runner
from replay.data import to_json
from replay.listing import list_calls, rebuild_index
from replay.paint import plain
from replay.rows import Log
from replay.searching import Said, search_for
from replay.wanted import Wanted, began, length_ms, moment
from tests import build
from tests.build import Harness
from tests.replay_calls import bakery, bakery_brackets, call_row, renumbered, write_live, write_sealed

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
HEARD, UNHEARD = bakery_brackets()
"""Of "Cash or credit? We have a discount.": how far the caller heard it."""
CUT = f"      0:00.100  turn:1    assistant  {HEARD} [{UNHEARD}]"


def dropped(words: str, caller: str = "") -> list[Entry]:
    """A short call: the assistant says it all, perhaps the caller something; then his line is gone."""
    call = Harness()
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.run(100)
    call.model(build.response_created(), build.response_item_added(), build.item_added())
    call.model(build.item_words(words, final=True))
    call.model(build.item_audio(400), build.item_done(), build.response_done())
    call.run(1000)
    if caller:
        call.model(build.speech_started(900), build.item_added("item_u1", "item_1", "user"))
        call.model(build.speech_stopped(1000), build.caller_words(caller))
    call.engine(build.leg_closed("caller"), build.leg_closed("model"))
    return renumbered(call.entries)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CA1 to CA3 sealed on three days, CA4 still in live/, CA5 unreadable. No index."""
    folder = tmp_path_factory.mktemp("calls")
    write_sealed(folder, bakery(), call_row("CA1", started_at="2026-11-18T09:00:00+00:00"))
    write_sealed(folder, dropped("Café 折扣.", "折扣?"), call_row("CA2", started_at="2026-11-19T10:00:00+00:00"))
    write_sealed(folder, spoilt(), call_row("CA3", started_at="2026-11-20T11:00:00+00:00"))
    write_live(folder, bakery()[:60], call_row("CA4", started_at="2026-11-20T14:00:00+00:00")).close()
    (folder / "live" / "CA5.db").write_bytes(b"torn" * 300)
    return folder


@pytest.fixture
def calls(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "calls")


def spoilt() -> list[Entry]:
    """The bakery with a fault in it, so that it diverges."""
    entries = bakery()
    fault = Entry(2, 0, "fault", "engine", "fault", '{"type":"fault","reason":"oh"}', None, 1)
    return renumbered([entries[0], fault, *entries[1:]])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "now", lambda: NOW)


def run(calls_dir: Path, *args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["ls", "--calls-dir", str(calls_dir), *map(str, args)])


def sids(calls_dir: Path, *args: object) -> list[str]:
    done = run(calls_dir, *args, "--json")
    assert done.exit_code == 0, done.output
    return [call["call_sid"] for call in json.loads(done.stdout)]


FILTERS = [
    ([], ["CA4", "CA3", "CA2", "CA1", "CA5"]),
    (["--since", "2026-11-19"], ["CA4", "CA3", "CA2"]),
    (["--since", "2026-11-19T10:00:01"], ["CA4", "CA3"]),
    (["--since", "4h"], ["CA4", "CA3"]),
    (["--since", "45m ago"], ["CA4"]),
    (["--since", "11:30"], ["CA4"]),
    (["--since", "1:00:00", "--until", "13:59"], ["CA3"]),
    (["--until", "2026-11-19"], ["CA2", "CA1"]),
    (["--until", "2026-11-19T12:00+02:00"], ["CA2", "CA1"]),
    (["--until", "1d"], ["CA2", "CA1"]),
    (["--ended", "dropped"], ["CA2"]),
    (["--ended", "dropped", "--ended", "live"], ["CA4", "CA2"]),
    (["--verdict", "diverged"], ["CA3"]),
    (["--verdict", "unknown"], ["CA5"]),
    (["--interrupted"], ["CA3", "CA1"]),
    (["--faults"], ["CA3"]),
    (["--longer-than", "1.2s"], ["CA3", "CA1"]),
    (["--longer-than", "1200ms", "--until", "2026-11-18"], ["CA1"]),
    (["--shorter-than", "0:01.2"], ["CA4", "CA2"]),
    (["--limit", 2], ["CA4", "CA3"]),
    (["--limit", 1, "--interrupted", "--until", "2026-11-19"], ["CA1"]),
    (["--said", "discount"], ["CA4", "CA3", "CA1"]),
    (["--said", "DISCOUNT cash"], ["CA4", "CA3", "CA1"]),
    (["--said", '"discount cash"'], []),
    (["--said", '"a discount"', "--unheard"], ["CA4", "CA3", "CA1"]),
    (["--said", "cash", "--heard"], ["CA3", "CA1"]),
    (["--said", "cash", "--by", "caller"], ["CA3", "CA1"]),
    (["--said", "credit", "--by", "caller"], []),
    (["--said", "cafe"], ["CA2"]),
    (["--said", "disc"], []),
    (["--said", "disc*"], ["CA4", "CA3", "CA1"]),
    (["--said", '"a disc"* cash'], ["CA4", "CA3", "CA1"]),
    (["--said", '"ca* or"'], []),
    (["--said", "dis*", "--heard"], []),
    (["--said", "c*", "--by", "caller"], ["CA3", "CA1"]),
    (["--said", "折*"], ["CA2"]),
    (["--said", "折扣"], ["CA2"]),
    (["--said", "折扣", "--by", "caller", "--limit", 1], ["CA2"]),
    (["--said", "折扣", "--unheard"], []),
    (["--said", "cash", "--ended", "stop", "--since", "2026-11-20"], ["CA3"]),
]


@pytest.mark.parametrize(("args", "expected"), FILTERS, ids=lambda each: " ".join(map(str, each)))
class TestWhichAreListed:
    def test_without_an_index(self, args: list[object], expected: list[str], calls: Path) -> None:
        assert sids(calls, *args) == expected

    def test_with_one_that_is_whole_or_knows_some(self, args: list[object], expected: list[str], calls: Path) -> None:
        assert rebuild_index(calls) == index.Rebuilt(3, [])
        assert sids(calls, *args) == expected
        late = calls / "2026-11-18" / "CA1.db"
        with sqlite3.connect(calls / "index.db") as connection:
            connection.execute("DELETE FROM call WHERE path = ?", [str(late.relative_to(calls))])
        connection.close()
        assert sids(calls, *args) == expected


class TestWhatIsShown:
    def test_the_turns_in_which_it_was_said(self, calls: Path) -> None:
        rebuild_index(calls)
        done = run(calls, "--said", "cash")
        assert (done.exit_code, done.stderr) == (0, "")
        rows = done.stdout.splitlines()
        assert [" ".join(row.split()) for row in rows if not row.startswith("  ")] == [
            "started call length turns interrupted ended verdict",
            "2026-11-20 14:00:00 UTC CA4 0:00.160 1 0 live same",
            "2026-11-20 11:00:00 UTC CA3 0:01.400 2 1 stop diverged",
            "2026-11-18 09:00:00 UTC CA1 0:01.400 2 1 stop same",
        ]
        assert rows[-2:] == [CUT, "      0:00.600  turn:2    caller     Cash."]
        assert rows.count(CUT) == 2

    def test_only_what_was_asked_for(self, calls: Path) -> None:
        (row,) = run(calls, "--said", "discount", "--unheard", "--until", "2026-11-18").stdout.splitlines()[2:]
        assert row == CUT

    def test_of_a_long_turn_what_stands_around_it(self, tmp_path: Path) -> None:
        text = f"{'one two three four ' * 10}refund now {'five six seven ' * 20}".strip()
        write_sealed(tmp_path, dropped(text), call_row("CA1"))
        shown = run(tmp_path, "--said", "refund").stdout.splitlines()[-1].partition("assistant  ")[2]
        assert shown == (
            "… four one two three four one two three four one two three four refund now five six seven five six seven "
            "five six seven five six seven five six seven five six seven five …"
        )

    @pytest.mark.parametrize(
        ("heard", "expected"),
        [
            ("", "[… c d refund e f g …]"),
            ("a b ", "[… c d refund e f g …]"),
            ("a b c d", "… c d [refund e f g …]"),
            ("a b c d refund e f g h", "… c d refund e f g …"),
            ("other", "other [generated: a b c d refund e f g h i j]"),
        ],
    )
    def test_what_was_not_heard_of_it_is_in_brackets(
        self, heard: str, expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(searching, "EXCERPT_BEFORE", 4)
        monkeypatch.setattr(searching, "EXCERPT_AFTER", 7)
        said = Said(3, "assistant", "item_1", None, "a b c d refund e f g h i j", heard)
        shown = plain([searching.said_line(said, search_for("refund", None, None))])
        assert shown == f"     not heard  turn:3    assistant  {expected}\n"

    def test_json_has_all_there_is_to_know(self, calls: Path) -> None:
        done = run(calls, "--said", "discount", "--unheard", "--until", "2026-11-18", "--json")
        turn = {
            "turn": 1,
            "speaker": "assistant",
            "item_id": "item_1",
            "stream_ms": 100,
            "generated_text": "Cash or credit? We have a discount.",
            "heard_text": HEARD,
        }
        assert json.loads(done.stdout) == [
            {
                "path": "2026-11-18/CA1.db",
                "call_sid": "CA1",
                "started_at": "2026-11-18T09:00:00+00:00",
                "duration_ms": 1400,
                "ended": "stop",
                "turns": 2,
                "interruptions": 1,
                "verdict": "same",
                "reason": "Twilio said stop",
                "faults": 0,
                "malformed": 0,
                "said": [turn],
            }
        ]

    def test_an_index_and_the_logs_say_the_same(self, calls: Path) -> None:
        search = search_for("cash", None, None)
        asked = (Wanted(), Wanted(search=search))
        without = [to_json(list_calls(calls, each).calls) for each in asked]
        rebuild_index(calls)
        assert [to_json(list_calls(calls, each).calls) for each in asked] == without

    def test_none_is_like_that(self, calls: Path) -> None:
        done = run(calls, "--said", "pineapple")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"replay: 5 calls in {calls}, and none is like that\n"
        assert run(calls, "--said", "pineapple", "--json").stdout == "[]\n"

    def test_the_only_one_is_not_like_that(self, tmp_path: Path) -> None:
        write_sealed(tmp_path, bakery(), call_row("CA1"))
        done = run(tmp_path, "--said", "pineapple")
        assert done.stderr == f"replay: 1 call in {tmp_path}, and none is like that\n"


class TestTheIndex:
    def test_of_another_version_is_said_and_done_without(self, calls: Path) -> None:
        rebuild_index(calls)
        with sqlite3.connect(calls / "index.db") as connection:
            connection.execute("PRAGMA user_version = 2")
        connection.close()
        done = run(calls, "--said", "discount", "--limit", 1)
        assert done.exit_code == 0
        assert len(done.stdout.splitlines()) == 3
        assert done.stderr == (
            f"replay: {calls}/index.db is no index that this version can use. Rebuild it from the call files: "
            f"`replay index {calls}`. Until then every log is replayed\n"
        )

    def test_words_that_nobody_looked_for_are_looked_for_when_it_matters(self, calls: Path) -> None:
        """A bridge indexes a call at once, perhaps before the words of its last item were found: no word of it is known
        to be heard, and none not to be."""
        rebuild_index(calls)
        with sqlite3.connect(calls / "index.db") as connection:
            connection.execute("UPDATE turn SET method = 'none', heard_text = '' WHERE speaker = 'assistant'")
        connection.close()
        assert sids(calls, "--said", "cash", "--unheard", "--until", "2026-11-19") == []
        assert sids(calls, "--said", "discount", "--unheard", "--until", "2026-11-19") == ["CA1"]
        assert sids(calls, "--said", "cash", "--heard", "--until", "2026-11-19") == ["CA1"]

    def test_nobody_waits_for_the_calls_beyond_a_limit(self, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        replayed = []

        def noted(log: Log) -> replay_runner.Result:
            replayed.append(log.path.stem)
            return replay_runner.replay(log)

        monkeypatch.setattr("replay.listing.replay", noted)
        assert sids(calls, "--limit", 1, "--since", "2026-11-19", "--until", "2026-11-20T12:00") == ["CA3"]
        assert replayed == ["CA3"]


class TestUsage:
    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--since", "soon"], "Invalid value for '--since': 'soon' is no time. Times are 2026-11-20, "),
            (["--until", "99999999w"], "Invalid value for '--until': '99999999w' is no time. "),
            (
                ["--longer-than", "x"],
                "Invalid value for '--longer-than': 'x' is no length. Lengths are 90s, ",
            ),
            (["--said", " ?! "], "Invalid value for '--said': there is no word in ' ?! ' to look for\n"),
            (["--said", ""], "Invalid value for '--said': there is no word in '' to look for\n"),
            (["--heard"], "--by, --heard and --unheard are about --said.\n"),
            (["--said", "a", "--heard", "--unheard"], "--heard and --unheard exclude each other: leave both out for"),
            (["--by", "caller"], "--by, --heard and --unheard are about --said.\n"),
            (["--said", "a", "--by", "caller", "--unheard"], "are about the assistant: callers hear themselves.\n"),
            (["--ended", "well"], "'well' is not one of 'stop', 'hangup', "),
            (["--limit", "0"], "0 is not in the range x>=1"),
        ],
    )
    def test_what_cannot_be_meant_is_answered(self, args: list[str], said: str, calls: Path) -> None:
        done = run(calls, *args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr

    @pytest.mark.parametrize(
        "words",
        [
            *('"', "'", "a' OR 1=1 --", '") OR (', "NEAR(", "a AND", "NOT", "*", "a*", "-a", "col:a", "^a", "{a b}:c"),
            *("a+b", "\x00a", "\ud800a", "نص", "ไทย", "a " * 500, '"' + "a " * 500, "ﷻ", "🎂 cake", "\\", "%_"),
            *(
                "heard_text : a",
                "cash " * 30,
                '"' + "cash or credit " * 30,
                '"' + "cash or credit " * 30 + 'dis"*',
                '"a*"*',
            ),
        ],
        ids=range(29),
    )
    def test_no_search_stumbles_whatever_is_typed(self, words: str, calls: Path) -> None:
        without = [run(calls, "--said", words, "--json", *more).stdout for more in ((), ("--unheard",))]
        rebuild_index(calls)
        done = [run(calls, "--said", words, "--json", *more) for more in ((), ("--unheard",))]
        assert [each.exception for each in done if not isinstance(each.exception, SystemExit | None)] == []
        assert [each.stdout for each in done] == without


class TestTimesAndLengths:
    @pytest.mark.parametrize(
        ("text", "is_end", "expected"),
        [
            ("2026-11-20", False, "2026-11-20T00:00:00+00:00"),
            ("2026-11-20", True, "2026-11-20T23:59:59.999999+00:00"),
            ("2026-11-20 14:02", True, "2026-11-20T14:02:00+00:00"),
            ("2026-11-20T14:02:03Z", False, "2026-11-20T14:02:03+00:00"),
            ("2026-11-20T14:02+02:00", False, "2026-11-20T14:02:00+02:00"),
            ("9:05", False, "2026-11-20T09:05:00+00:00"),
            ("09:05:30", False, "2026-11-20T09:05:30+00:00"),
            ("90m", False, "2026-11-20T13:00:00+00:00"),
            ("30s ago", False, "2026-11-20T14:29:30+00:00"),
            ("1w", True, "2026-11-13T14:30:00+00:00"),
        ],
    )
    def test_times_as_one_says_them(self, text: str, is_end: bool, expected: str) -> None:
        assert moment(text, is_end=is_end).isoformat() == expected

    @pytest.mark.parametrize("text", ["", "25:00", "1:2", "2026-13-01", "d", "1y", "tomorrow"])
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no time"):
            moment(text)

    @pytest.mark.parametrize(
        ("text", "ms"),
        [
            ("90", 90_000),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1:30", 90_000),
            ("0:00.25", 250),
            ("7ms", 7),
            ("1h", 3_600_000),
        ],
    )
    def test_lengths(self, text: str, ms: int) -> None:
        assert length_ms(text) == ms

    def test_a_log_that_says_no_time_began_at_none(self) -> None:
        assert began("2026-11-20T09:00:00") == datetime(2026, 11, 20, 9, tzinfo=UTC)
        assert [began(text) for text in (None, "", "once upon a time")] == [None] * 3

    def test_the_real_clock_is_in_utc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        assert wanted.now().tzinfo is UTC


@given(st.text(st.sampled_from('ab "*'), max_size=8), st.sampled_from([None, True, False]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_search_finds_the_same_with_an_index_and_without(
    folders: tuple[Path, Path], query: str, heard: bool
) -> None:
    try:
        search = search_for(query, None, heard)
    except ValueError:
        return
    found: list[Any] = [list_calls(folder, Wanted(search=search)).calls for folder in folders]
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same calls twice, once with an index."""
    bare = tmp_path_factory.mktemp("bare")
    for number, words in enumerate(["a b ab", "b a", "ab ab a", "ba"]):
        write_sealed(bare, dropped(words, "a b"), call_row(f"CA{number}"))
    indexed = tmp_path_factory.mktemp("indexed")
    shutil.copytree(bare, indexed, dirs_exist_ok=True)
    rebuild_index(indexed)
    return bare, indexed
