"""`replay ladder`: who said what to whom, as lines, as a Mermaid diagram and as data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from replay import cli
from replay.columns import clip, fit, width, wrap
from replay.flow.ladder import LANES, Rung, climb, rungs
from replay.flow.ladder_lines import ladder_lines, style_of
from replay.flow.mermaid import TEXT_MAX, escape, mermaid
from replay.flow.seen import Look
from replay.paint import plain
from tests.build import CALL_SID
from tests.replay_calls import bakery, log_of, write_sealed

BAKERY = [replace(entry, body=re.sub(r'"confidence":[0-9.]+', '"confidence":0.981', entry.body)) for entry in bakery()]
"""How sure the aligner is of its words is its own business."""

LADDER = """\
  entry       time  gap     caller                          bridge                             model
      1   0:00.000          │                        [ leg.opened caller ]                         │
      2   0:00.000          │─ connected ─────────────────────▶│                                   │
      3   0:00.000          │─ start ─────────────────────────▶│ CA0123456789abcdef0123456789abcde…│
      4   0:00.000          │                   [ dial_model gpt-realtime-2.1 ]                    │
      5   0:00.000          │                        [ leg.opened model ]                          │
      6   0:00.000          │                                  │◀─ session.created ────────────────│
      7   0:00.000          │ {"type":"session.update","event_…│─ session.update ─────────────────▶│
      8   0:00.000          │ audio/pcmu in, audio/pcmu out, i…│◀─ session.updated ────────────────│
      9   0:00.020  +0.020  │═ media x 70 1.40 s ══════════════╪══════════════════════════════════▶│
     19   0:00.100  +0.080  │ resp_1                           │◀─ response.created ───────────────│
     20   0:00.100          │ item_1 of resp_1                 │◀─ output_item.added ──────────────│
     21   0:00.100          │ assistant's message, item_1      │◀─ item.added ─────────────────────│
     22   0:00.100          │ "Cash or credit? We have a disco…│◀─ transcript.done ────────────────│
     23   0:00.100          │ 0 to 1000 ms of item_1           │◀═ audio.delta ════════════════════│
     24   0:00.100          │◀═ media x 13 ════════════════════│ 0 to 1000 ms of item_1, 14 marks …│
     51   0:00.100          │ item_1                           │◀─ output_item.done ───────────────│
     52   0:00.100          │ completed, resp_1                │◀─ response.done ──────────────────│
     53   0:00.100          │═ mark x 11 ═════════════════════▶│ probe-1 to mark-11: played        │
    116   0:00.620  +0.520  │ from 300 ms of input, item_u1    │◀─ speech_started ─────────────────│
    117   0:00.620          │◀─ clear ─────────────────────────│                                   │
    118   0:00.620          │◀─ mark ──────────────────────────│ sentinel-15: sent after the clear │
    119   0:00.620          │═ mark x 3 ══════════════════════▶│ mark-12 to mark-14: flushed       │
    122   0:00.620          │─ mark ──────────────────────────▶│ sentinel-15: clear took effect    │
    123   0:00.620          │ at 520 ms, item_1                │─ item.truncate ──────────────────▶│
    124   0:00.620          │           [ align_item 35 characters in 1000 ms, item_1 ]            │
    125   0:00.620          │ [ item.aligned 7 of 7 words, by letters, confidence 0.981, item_1 ]  │
    130   0:00.660  +0.040  │ at 520 ms, item_1                │◀─ item.truncated ─────────────────│
    131   0:00.660          │ user's message, item_u1, after i…│◀─ item.added ─────────────────────│
    206   0:01.400  +0.740  │ at 1380 ms of input, item_u1     │◀─ speech_stopped ─────────────────│
    207   0:01.400          │ "Cash.", item_u1                 │◀─ transcription.completed ────────│
    208   0:01.400          │─ stop ──────────────────────────▶│                                   │
    209   0:01.400          │                      [ close_leg model, 1000 ]                       │
    210   0:01.400          │                  [ close_leg caller, 1000, stop ]                    │
    211   0:01.400          │                     [ leg.closed model, 1000 ]                       │
    212   0:01.400          │                     [ leg.closed caller, 1000 ]                      │
    213   0:01.400          │                 [ end_call stop: Twilio said stop ]                  │
"""


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bakery, sealed."""
    return write_sealed(tmp_path_factory.mktemp("calls"), BAKERY)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["ladder", *map(str, args)])


def rung(**changes: Any) -> Rung:
    made = Rung(7, 7, 1000, "model", "bridge", "speech_started", "item_1", 1, "frame", 1000)
    return replace(made, **changes)


def drawn(*made: Rung, columns: int = 78) -> list[str]:
    """The lanes of some rungs, without their labels and the heading."""
    return [line[28:] for line in plain(ladder_lines(made, columns)).splitlines()[1:]]


class TestOnPaper:
    def test_a_barge_in_is_read_at_a_glance(self, call: Path) -> None:
        done = run(call)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == LADDER

    def test_it_is_as_wide_as_the_terminal(self, call: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "140")
        lines = run(call).stdout.splitlines()
        assert {len(line) for line in lines[1:]} == {140}
        assert lines[3].endswith(f"│ {CALL_SID}, audio/x-mulaw 800…│")

    def test_a_part_of_it(self, call: Path) -> None:
        done = run(call, "--from", "seq:116", "--to", "seq:123", "--leg", "caller")
        assert done.stdout.splitlines()[1:] == [
            "    117   0:00.620          │◀─ clear ─────────────────────────│                                   │",
            "    118   0:00.620          │◀─ mark ──────────────────────────│ sentinel-15: sent after the clear │",
            "    119   0:00.620          │═ mark x 3 ══════════════════════▶│ mark-12 to mark-14: flushed       │",
            "    122   0:00.620          │─ mark ──────────────────────────▶│ sentinel-15: clear took effect    │",
        ]

    def test_the_frames_under_their_arrows(self, call: Path) -> None:
        done = run(call, "--raw", "--from", "seq:130", "--to", "seq:130")
        assert done.stdout.splitlines()[1:] == [
            "    130   0:00.660          │ at 520 ms, item_1                │◀─ item.truncated ─────────────────│",
            '                            {"type":"conversation.item.truncated","event_id":"event_13","item_id":"i',
            '                            tem_1","content_index":0,"audio_end_ms":520}',
        ]

    def test_arrows_of_every_direction_and_notes(self) -> None:
        made = drawn(
            rung(source="caller", target="bridge"),
            rung(source="bridge", target="caller", kind="played"),
            rung(),
            rung(source="bridge", target="model", kind="audio"),
            rung(source="caller", target="model", kind="audio", detail=""),
            rung(source="caller", target="model", label="x" * 22, detail="1.00 s"),
            rung(source="bridge", target="bridge", kind="note", label="timer.due", detail=""),
            rung(source="bridge", target="bridge", kind="note", detail="x" * 60),
        )
        assert made == [
            "│─ speech_started ─────▶│ item_1                 │",
            "│◀═ speech_started ═════│ item_1                 │",
            "│ item_1                │◀─ speech_started ──────│",
            "│ item_1                │═ speech_started ══════▶│",
            "│═ speech_started ══════╪═══════════════════════▶│",
            "│─ xxxxxxxxxxxxxxxxxxxxxx 1.00 s ───────────────▶│",
            "│                 [ timer.due ]                  │",
            "│ [ speech_started xxxxxxxxxxxxxxxxxxxxxxxxxx… ] │",
        ]

    def test_what_does_not_fit_is_cut_whatever_the_script(self) -> None:
        """Characters of two columns keep the lanes where they are."""
        made = drawn(rung(kind="words", label="words", detail='"您好 这里是街角面包店 想要点什么"'))
        assert made == ['│ "您好 这里是街角面包… │◀═ words ═══════════════│']
        assert width(made[0]) == 50
        assert drawn(rung(label="a" * 40)) == ["│ item_1                │◀─ aaaaaaaaaaaaaaaaaa… ─│"]

    def test_a_time_without_anything_is_a_gap(self) -> None:
        made = plain(ladder_lines([rung(), rung(stream_ms=1999), rung(stream_ms=2999)], 78)).splitlines()[1:]
        assert made == [
            "      7   0:01.000          │ item_1                │◀─ speech_started ──────│",
            "      7   0:01.999  +0.999  │ item_1                │◀─ speech_started ──────│",
            "                 ... 1.00 s ┊                       ┊                        ┊",
            "      7   0:02.999  +1.000  │ item_1                │◀─ speech_started ──────│",
        ]

    def test_a_narrow_terminal_gets_lanes_all_the_same(self) -> None:
        assert drawn(rung(), columns=20) == ["│ item_1   │◀─ speec… ─│"]

    @pytest.mark.parametrize(
        ("changes", "style"),
        [
            ({"kind": "trouble"}, "bad"),
            ({"label": "clear", "target": "caller"}, "bold"),
            ({"label": "mark", "target": "caller"}, "bold"),
            ({"label": "mark", "kind": "echoes"}, "dim"),
            ({"label": "dtmf", "source": "caller"}, "caller"),
            ({"label": "words", "kind": "words"}, "assistant"),
            ({"label": "timer.due", "kind": "note", "source": "bridge"}, "dim"),
        ],
    )
    def test_colours_tell_legs_apart_and_show_an_interruption(self, changes: dict[str, str], style: str) -> None:
        assert style_of(rung(**changes)) == style


class TestRungs:
    def test_each_has_its_entries_its_lanes_and_its_words(self) -> None:
        made = {each.seq: each for each in rungs(log_of(BAKERY))}
        assert made[9] == Rung(9, 205, 20, "caller", "model", "media x 70", "1.40 s", 70, "audio", 1400)
        assert made[119] == Rung(
            119, 121, 620, "caller", "bridge", "mark x 3", "mark-12 to mark-14: flushed", 3, "echoes", 620
        )
        assert made[123] == Rung(
            123, 123, 620, "bridge", "model", "item.truncate", "at 520 ms, item_1", 1, "frame", 620
        )
        assert made[124].kind == "note"
        assert {lane for each in made.values() for lane in (each.source, each.target)} == {*LANES}

    def test_a_frame_that_should_not_have_been_is_trouble(self) -> None:
        spoilt = [replace(e, body="garbage", type="malformed") if e.seq == 131 else e for e in BAKERY]
        found = [(each.seq, each.label) for each in rungs(log_of(spoilt)) if each.kind == "trouble"]
        assert found == [(131, "malformed")]

    def test_bars_are_named_after_what_flows(self) -> None:
        """Also where only one leg is looked at, or all that flowed was one."""
        seen = list(Look(log_of(BAKERY)))
        of_model = [each for each in seen if each.entry.leg == "model"]
        assert [each.label for each in climb(of_model) if each.kind in ("audio", "generated")] == [
            *("append x 70", "audio.delta"),
        ]
        marks = [each for each in seen if each.entry.seq in (24, 26)]
        assert [each.label for each in climb(marks)] == ["mark x 2"]

    def test_nothing_in_a_name_reaches_a_terminal_raw(self) -> None:
        spoilt = [replace(e, type="\x1b[2J", body='{"type":"x"}') if e.seq == 131 else e for e in BAKERY]
        assert {each.seq: each.label for each in rungs(log_of(spoilt))}[131] == "\\x1b[2J"


class TestMermaid:
    def test_a_diagram_to_paste(self, call: Path) -> None:
        done = run(call, "--mermaid", "--from", "seq:116", "--to", "seq:131")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == (
            "sequenceDiagram\n"
            "    participant caller\n"
            "    participant bridge\n"
            "    participant model\n"
            "    model->>bridge: 0.620 s speech_started from 300 ms of input, item_u1\n"
            "    bridge->>caller: 0.620 s clear\n"
            "    bridge->>caller: 0.620 s mark sentinel-15#58; sent after the clear\n"
            "    caller-->>bridge: 0.620 s mark x 3 mark-12 to mark-14#58; flushed\n"
            "    caller->>bridge: 0.620 s mark sentinel-15#58; clear took effect\n"
            "    bridge->>model: 0.620 s item.truncate at 520 ms, item_1\n"
            "    Note over bridge: 0.620 s align_item 35 characters in 1000 ms, item_1\n"
            "    Note over bridge: 0.620 s item.aligned 7 of 7 words, by letters, confidence 0.981, item_1\n"
            "    caller-->>model: 0.640 s media x 2 0.04 s\n"
            "    model->>bridge: 0.660 s item.truncated at 520 ms, item_1\n"
            "    model->>bridge: 0.660 s item.added user's message, item_u1, after item_1\n"
        )

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a; b #c", "a#59; b #35;c"),
            ('say "x"', "say #34;x#34;"),
            ("%%{init: x}%%", "#37;#37;#123;init#58; x#125;#37;#37;"),
            ("<br/>\n$$x$$", "#60;br/#62;#10;#36;#36;x#36;#36;"),
            ("It's 3 (or 4), ok? -->> 漢字 é", "It's 3 (or 4), ok? --#62;#62; 漢字 é"),
            ("wait…", "wait#8230;"),
        ],
    )
    def test_what_mermaid_would_take_for_its_own_is_an_entity(self, text: str, shown: str) -> None:
        assert escape(text) == shown

    def test_gaps_and_long_details(self) -> None:
        made = mermaid([rung(detail="y" * 70), rung(stream_ms=3000, kind="words", detail="")])
        assert made.splitlines()[4:] == [
            f"    model->>bridge: 1.000 s speech_started {'y' * 59}#8230;",
            "    Note over caller,model: ... 2.00 s",
            "    model-->>bridge: 3.000 s speech_started",
        ]

    def test_one_that_is_too_long_to_be_drawn_is_printed_with_a_warning(
        self, call: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("replay.flow.mermaid.TEXT_MAX", 2000)
        done = run(call, "--mermaid")
        assert done.exit_code == 0
        assert done.stderr == (
            f"replay: Mermaid draws 2,000 characters and this has {len(done.stdout):,}: --from and --to give it less\n"
        )
        assert TEXT_MAX == 50_000


class TestForPrograms:
    def test_the_rungs(self, call: Path) -> None:
        done = run(call, "--json", "--from", "seq:117", "--to", "seq:117")
        assert json.loads(done.stdout)["call_sid"] == CALL_SID
        assert json.loads(done.stdout)["rungs"][1] == {
            "seq": 117,
            "last_seq": 117,
            "stream_ms": 620,
            "source": "bridge",
            "target": "caller",
            "label": "clear",
            "detail": "",
            "count": 1,
            "kind": "frame",
            "last_ms": 620,
            "is_away": False,
        }


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("args", "why"),
        [
            (["--from", "mark:none"], "replay: there is no mark 'none': there are 15: probe-1, mark-2, mark-3"),
            (["--json", "--mermaid"], "--raw, --mermaid, --json and -i: one of them at a time."),
            (["-i"], "replay: -i needs a terminal\n"),
        ],
    )
    def test_it_says_what_is_wrong(self, args: list[str], why: str, call: Path) -> None:
        done = run(call, *args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr

    def test_nothing_is_like_that(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, BAKERY[:3]), "--leg", "model")
        assert (done.exit_code, done.stderr) == (0, "replay: no entry is like that\n")
        assert done.stdout == LADDER.splitlines(keepends=True)[0]


class TestColumns:
    def test_texts_are_measured_in_columns(self) -> None:
        assert [width(text) for text in ("abc", "漢字", "e\u0301", "\u200d", "ｱ")] == [3, 4, 1, 0, 1]

    def test_and_cut_to_them(self) -> None:
        assert [clip("漢字です", columns) for columns in (8, 7, 6, 1, 0)] == ["漢字です", "漢字で…", "漢字…", "…", ""]
        assert fit("漢字", 6) == "漢字  "
        assert wrap("漢字です", 5) == ["漢字", "です"]
        assert wrap("漢字", 1) == ["漢", "字"]
        assert wrap("abcde", 2) == ["ab", "cd", "e"]
