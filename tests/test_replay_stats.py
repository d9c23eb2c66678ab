"""`replay stats`: what it prints of a few calls, whole; how it names them; how it exits."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from click.testing import CliRunner, Result

from replay import cli
from replay.metrics.measured import Cause, Outcome, Part
from replay.metrics.problems import KINDS
from replay.metrics.stats import METRICS, MeasuredLog, Spread, spread
from tests.build import in_call
from tests.measured_calls import answers, hangs_up, says
from tests.replay_calls import bakery, call_row, write_live, write_sealed, write_story

ROOT = Path(__file__).resolve().parents[1]
STUCK = "fixtures/golden/the_clear_is_stuck_for_two_seconds_while_twilio_plays.jsonl"
TWICE = "fixtures/golden/two_barge_ins_in_a_row.jsonl"
METRICS_PAGE = (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8")

POOLED = f"""\
2 calls, 0:08.660 of audio

milliseconds                        n      p50      p95      max
turn latency, perceived             3      880    1,440    1,440
  vad                               3      550      550      550
  respond                           3        0        0        0
  generate                          3      250      250      250
  send                              3        0        0        0
  play                              3       80      640      640
  away                              0        -        -        -
first greeting                      2      605      605      605
after a function call               0        -        -        -
between items                       0        -        -        -
end of turn noticed                 3      550      550      550
silence at an item's head           5        0        0        0
barge-in to silence                 3      170    1,700    1,700
  detect                            3       90       90       90
  decide                            3        0        0        0
  effective                         3       80    1,610    1,610
both spoke                          3      170      260      260
neither spoke                       0        -        -        -
the model was away                  0        -        -        -
underrun                            0        -        -        -
doubt of what was heard             3       80      140      140
round trip to Twilio                8       80    1,610    1,610
jitter of caller frames           425        0        0        0

assistant's turns     3 interrupted, 2 completed
caller's turns        3 answered
interruptions by      3 voice
                      0 of 3 false, 0 missed, 0 by estimate
told to the model     truncate: 3 ok; delete: none
dead air because of   none
line                  stalls 0; of callers dropped 0 ms
trouble               malformed 0, faults 0, errors 0
function calls        0

Worst turns
    1,440  turn 3 at 0:03.500                    replay view {STUCK}
           vad 550, generate 250, play 640
      880  turn 3 at 0:02.440, interrupted       replay view {TWICE}
           vad 550, generate 250, play 80
      880  turn 5 at 0:03.860                    replay view {TWICE}
           vad 550, generate 250, play 80
"""

PER_TURN = f"""\
  latency      vad  respond generate     send     play  outcome     turn  call
    1,440      550        0      250        0      640  completed      3  {STUCK}
      880      550        0      250        0       80  interrupted    3  {TWICE}
      880      550        0      250        0       80  completed      5  {TWICE}
"""

PER_CALL = f"""\
turns    p50    max  barge-ins   stop  talk-over  dead air  underruns  call
    1  1,440  1,440          1  1,700        260         0          0  {STUCK}
    2    880    880          2    170        340         0          0  {TWICE}
"""
NOBODY = "fixtures/golden/the_model_cannot_be_reached.jsonl"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, ["stats", *map(str, args)], env=env)


class TestWhatIsPrinted:
    @pytest.mark.parametrize(
        ("options", "expected"), [((), POOLED), (("--per-turn",), PER_TURN), (("--per-call",), PER_CALL)]
    )
    def test_of_two_calls_whole(self, options: tuple[str, ...], expected: str) -> None:
        done = run(STUCK, TWICE, *options)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == expected

    def test_calls_in_which_nobody_answered_come_last(self) -> None:
        listed = run(NOBODY, STUCK, "--per-call").stdout.splitlines()[1:]
        assert [line.split()[-1] for line in listed] == [STUCK, NOBODY]

    def test_is_the_same_from_two_processes(self) -> None:
        assert run(STUCK, TWICE, "--jobs", 2).stdout == POOLED

    def test_fits_80_columns_where_names_are_short(self, tmp_path: Path) -> None:
        write_sealed(tmp_path, bakery())
        for options in ((), ("--per-turn",), ("--per-call",)):
            assert max(map(len, run(*options, calls_dir=tmp_path).stdout.splitlines())) <= 80

    def test_says_little_of_a_call_in_which_nobody_answered(self, tmp_path: Path) -> None:
        write_sealed(tmp_path, bakery())
        lines = run(calls_dir=tmp_path).stdout.splitlines()
        assert lines[0] == "1 call, 0:01.400 of audio"
        assert lines[-1] == "function calls        0"
        assert run("--per-turn", calls_dir=tmp_path).stdout.splitlines()[1:] == []
        assert run("--per-call", calls_dir=tmp_path).stdout.splitlines()[1:] == [
            "    0      -      -          1     20         20         0          0  CA012345"
        ]

    def test_json_has_all_of_it(self) -> None:
        done = run(STUCK, TWICE, "--json")
        made = json.loads(done.stdout)
        assert list(made) == ["calls", "unreadable", "length_ms", "metrics", "counts", "logs"]
        assert (made["calls"], made["unreadable"], made["length_ms"]) == (2, 0, 8_660)
        assert list(made["metrics"]) == [metric.key for metric in METRICS]
        assert made["metrics"]["turn_latency"] == {"n": 3, "p50": 880, "p95": 1440, "max": 1440}
        assert made["metrics"]["after_tool"] == {"n": 0, "p50": None, "p95": None, "max": None}
        assert made["counts"] == {
            "outcomes": {"assistant": {"interrupted": 3, "completed": 2}, "caller": {"answered": 3}},
            "interruptions": {"voice": 3},
            "false_interruptions": {"known": 3, "false": 0},
            "missed": 0,
            "estimates": 0,
            "repairs": {"truncate": {"ok": 3}, "delete": {}},
            "dead_air": {},
            "stalls": 0,
            "dropped_ms": 0,
            "tools": 0,
            "malformed": 0,
            "faults": 0,
            "errors": 0,
        }
        assert [list(log) for log in made["logs"]] == [["path", "call_sid", "started_at", "reason", "measures"]] * 2
        assert made["logs"][0]["measures"]["turns"][2]["parts"] == {
            "vad": 550,
            "respond": 0,
            "generate": 250,
            "send": 0,
            "play": 640,
        }
        assert made["logs"][0]["measures"]["line"]["jitter_ms"] == {"0": 206}

    def test_the_five_worst_turns_of_more(self, tmp_path: Path) -> None:
        call = in_call()
        for turn in range(6):
            says(call, 2_000 * turn + 300, 2_000 * turn + 600, f"item_u{turn}")
            answers(call, 200, f"item_{turn}", f"resp_{turn}", after_ms=100 * turn)
        hangs_up(call, 14_000)
        log = write_story(tmp_path / "six.jsonl", call.entries)
        worst = run(log).stdout.split("Worst turns\n")[1].splitlines()[::2]
        assert [line.split()[0] for line in worst] == ["1,000", "900", "800", "700", "600"]


class TestWhichCalls:
    def test_of_the_folder_by_the_shortest_name_that_is_theirs(self, tmp_path: Path) -> None:
        """Two sealed calls whose names differ late, and one that runs."""
        call = in_call()
        says(call, 300, 700)
        answers(call, 300)
        hangs_up(call, 2_000)
        names = ["CA" + "0" * 12 + last + "0" * 19 for last in "12"]
        for name in names:
            write_sealed(tmp_path, call.entries, call_row(name))
        write_live(tmp_path, call.entries, call_row("CAf" + "0" * 31)).close()
        done = run("--per-turn", calls_dir=tmp_path)
        named = [line.split()[-1] for line in done.stdout.splitlines()[1:]]
        assert named == ["CA0000000000001", "CA0000000000002", "CAf00000"]
        assert run("CAf0", "CAf00000", "--per-turn", calls_dir=tmp_path).stdout.splitlines()[1:] == [
            "      700      500        0      200        0        0  completed      2  CAf00000"
        ]

    def test_by_path_where_replay_would_not_look(self, tmp_path: Path) -> None:
        """Another folder, said by name: `replay view` would look in CALLS_DIR. Nor does a name help that two have."""
        path = write_sealed(tmp_path, bakery())
        assert run("--calls-dir", tmp_path, "--per-call").stdout.splitlines()[1].endswith(f"  {path}")
        twin = tmp_path / "2026-11-21" / path.name
        twin.parent.mkdir()
        twin.write_bytes(path.read_bytes())
        listed = run("--per-call", calls_dir=tmp_path).stdout.splitlines()[1:]
        assert [line.split()[-1] for line in listed] == [str(path), str(twin)]

    def test_that_cannot_be_read_are_told_and_counted(self, tmp_path: Path) -> None:
        write_sealed(tmp_path, bakery())
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"hello" * 100)
        done = run(calls_dir=tmp_path)
        assert done.exit_code == 0
        assert done.stderr.startswith("replay: ")
        assert str(broken) in done.stderr
        assert len(done.stderr.splitlines()) == 1
        made = json.loads(run("--json", calls_dir=tmp_path).stdout)
        assert (made["calls"], made["unreadable"]) == (1, 1)

    def test_none_of_which_can_be_read(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"hello" * 100)
        done = run(broken)
        assert (done.exit_code, done.stdout.splitlines()[0]) == (2, "0 calls, 0:00.000 of audio")

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            ((), "there are no logs in {folder}"),
            (("CA99",), "there are no calls in {folder}"),
            (("{folder}/none.db",), "{folder}/none.db: no such log"),
            (("{folder}",), "there are no logs in {folder}"),
        ],
    )
    def test_that_are_not_there(self, args: tuple[str, ...], why: str, tmp_path: Path) -> None:
        done = run(*(arg.format(folder=tmp_path) for arg in args), calls_dir=tmp_path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: {why.format(folder=tmp_path)}\n"

    def test_one_table_at_a_time(self, tmp_path: Path) -> None:
        done = run("--per-turn", "--per-call", calls_dir=tmp_path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--per-turn and --per-call: one of them at a time." in done.stderr

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        done = run(calls_dir=tmp_path / "none")
        assert (done.exit_code, done.stderr) == (2, f"replay: there are no logs in {tmp_path / 'none'}\n")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Spread(0, None, None, None)),
        ([7], Spread(1, 7, 7, 7)),
        ([1, 2, 3, 4], Spread(4, 2, 4, 4)),
        (list(range(1, 20)), Spread(19, 10, 19, 19)),
        (list(range(1, 21)), Spread(20, 10, 19, 20)),
        ([5] * 94 + [9] * 6, Spread(100, 5, 9, 9)),
        ([5] * 95 + [9] * 5, Spread(100, 5, 5, 9)),
    ],
)
def test_a_percentile_is_a_value_that_occurred(values: list[int], expected: Spread) -> None:
    assert spread(Counter(values)) == expected


def test_the_example_of_the_json_has_the_keys_that_there_are() -> None:
    section = (ROOT / "docs" / "JSON.md").read_text(encoding="utf-8").split("## replay stats")[1]
    example = json.loads(section.split("```json")[1].split("```")[0])
    made = json.loads(run(STUCK, TWICE, "--json").stdout)
    assert (list(example), list(example["counts"])) == (list(made), list(made["counts"]))
    logs = msgspec.convert(example["logs"], list[MeasuredLog], str_keys=True)
    assert msgspec.to_builtins(logs, str_keys=True) == example["logs"]


def test_the_page_defines_all_that_can_be_printed() -> None:
    words = set(re.findall(r"`(\w+)`", METRICS_PAGE))
    named = {metric.key for metric in METRICS} | {*KINDS, *get_args(Outcome), *get_args(Cause)}
    assert named - words == set()
    assert [part for part in get_args(Part) if not {part, f"turn_{part}", f"stop_{part}"} & words] == []
