"""`replay state`: one step of a call, what it changed, and the whole state after it."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from engine.core import Entry, wire_engine
from engine.core import events as ev
from replay import cli
from replay.flow.entry_lines import entry_lines
from replay.paint import plain
from replay.places import parse
from replay.state.at_ear import at_ear_now
from replay.state.state_at import state_at
from replay.state.states import state_data
from replay.walk import Walk
from tests import build
from tests.build import CALL_SID, Harness
from tests.replay_calls import bakery, log_of, renumbered, write_live, write_sealed, write_story

ROOT = Path(__file__).resolve().parents[1]
BAKERY = bakery()
LOG = log_of(BAKERY)

SETTINGS = """\
Settings
  model gpt-realtime-2.1, instructions "You are a helpful agent on a phone call. Be brief.", voice marin, \
transcription_model gpt-realtime-whisper, mark_every_ms 200, away {words "One moment, please.", after_ms 1000}, \
rules 2
  vad                             type server_vad, threshold 0.5, prefix_padding_ms 300, \
silence_duration_ms 500, create_response, interrupt_response
  limits                          start_ms_max 10000, frames_before_start_max 50, ready_ms_max 10000, \
frames_per_second_max 100, model_losses_max 10, renew_ms 3000000, renew_ms_max 3480000, idle_ms_max 30000, \
pending_audio_ms_max 10000, settle_ms 1000, align_ms_max 2000
"""
AT_THE_BARGE_IN = """\

Changed in this step
  names.marks                                   14 → 15
  conversation.items.item_1.is_cut              no → yes
  conversation.items.item_u1                    new: {item_id item_u1, kind message, role user, session 1, \
started_at 4800 (0:00.600)}
  conversation.order.1                          new: -> item_u1
  hearing.playout.state                         PLAYING → SILENT
  hearing.playout.sent                          8000 (1000 ms) → 0 (0 ms)
  hearing.playout.pieces.0                      gone: {item -> item_1, begin 3200 (400 ms), end 8000 (1000 ms)}
  hearing.playout.marked                        8000 (1000 ms) → 0 (0 ms)
  hearing.playout.marks.mark-12                 gone: 4800 (600 ms)
  hearing.playout.marks.mark-13                 gone: 6400 (800 ms)
  hearing.playout.marks.mark-14                 gone: 8000 (1000 ms)
  hearing.playout.begun_at                      800 (0:00.100) → 0 (0:00.000)
  hearing.playout.proven                        3200 (400 ms) → 0 (0 ms)
  hearing.playout.line                          {earliest 800 (0:00.100), latest 800 (0:00.100)} → none
  hearing.playout.line_min                      800 (0:00.100) → 0 (0:00.000)
  hearing.playout.line_max                      800 (0:00.100) → none
  hearing.flushing.0                            new: -> barge_in.interruptions.0.playout
  hearing.probes.sentinel-15                    new: 4960 (0:00.620)
  turns.latest.0                                new: -> item_u1
  turns.is_answered                             yes → no
  turns.is_speaking                             no → yes
  barge_in.interruptions.0                      new: {at 4960 (0:00.620), onset_at 4800 (0:00.600), \
playout {state FLUSHING, sent 8000 (1000 ms), pieces [{item -> item_1, begin 3200 (400 ms), \
end 8000 (1000 ms)}], marked 8000 (1000 ms), marks {mark-12 4800 (600 ms), mark-13 6400 (800 ms), \
mark-14 8000 (1000 ms)}, begun_at 800 (0:00.100), proven 3200 (400 ms), line {earliest 800 (0:00.100), \
latest 800 (0:00.100)}, line_min 800 (0:00.100), line_max 800 (0:00.100), flush {sent_at 4960 (0:00.620), \
sent_ns 620000000 (0.620 s), sentinel sentinel-15}}, deadline_ns 1620000000 (1.620 s), items [-> item_1]}
  barge_in.unsettled.0                          new: -> barge_in.interruptions.0
  call.seq                                      114 → 116
  hearing.stream.shown                          800 (0:00.100) → 4960 (0:00.620)

At the ear
  item_1  heard 520 of 1000 ms (400 to 540) by now, 1000 were sent; cleared: no more will be heard
    {by_now}

Conversation   as far as it is proven; in brackets what is not
  0:00.100  assistant  {for_certain}
                       item_1: response_id resp_1, transcript_final, is_done, is_whole, is_cut, \
generated_samples 8000 (1000 ms), sent_samples 8000 (1000 ms), proven_samples 3200 (400 ms), \
features {{frames 50}}, anchors [[2240, 3040], [2560, 3360], [2880, 3680], [3200, 4000], and 6 more], \
started_at 800 (0:00.100), ended_at 4000 (0:00.500), heard_samples 3200 (400 ms), \
heard_samples_min 3200 (400 ms), heard_samples_max 3200 (400 ms)
  0:00.600  caller     (no transcript)
                       item_u1: started_at 4800 (0:00.600)

Call
  call_sid CA0123456789abcdef0123456789abcdef, stream_sid MZ0123456789abcdef0123456789abcdef, \
account_sid AC0123456789abcdef0123456789abcdef, state LIVE, at_ns 620000000 (0.620 s), \
seq 116, heard_caller_ns 620000000 (0.620 s), idle_ns_max 30000000000 (30.000 s)

Legs
  caller OPEN, model OPEN

Bounds
  before_start 1, before_start_max 50, per_second_max 100, frame_ns 10000000 (0.010 s), paid_ns 630000000 (0.630 s)

Names
  marks 15

Hearing
  flushing [-> barge_in.interruptions.0.playout], probes {{sentinel-15 4960 (0:00.620)}}, rules 2
  stream                          newest 4960 (0:00.620), arrived_ns 620000000 (0.620 s), flow 5, \
shown 4960 (0:00.620), frames 31
  playout                         state SILENT

Session
  state READY, interrupts
  input                           appended 4960 (620 ms)

Model-leg
  socket OPEN, is_redialled, renew_at_ns 3000000000000 (3000.000 s), renew_by_ns 3480000000000 (3480.000 s)

Turns
  latest [-> item_u1], is_speaking

Barge-in
  unsettled [-> barge_in.interruptions.0]
  interruptions.0                 at 4960 (0:00.620), onset_at 4800 (0:00.600), \
deadline_ns 1620000000 (1.620 s), items [-> item_1]
  interruptions.0.playout         state FLUSHING, sent 8000 (1000 ms), marked 8000 (1000 ms), \
marks {{mark-12 4800 (600 ms), mark-13 6400 (800 ms), mark-14 8000 (1000 ms)}}, begun_at 800 (0:00.100), \
proven 3200 (400 ms), line {{earliest 800 (0:00.100), latest 800 (0:00.100)}}, line_min 800 (0:00.100), \
line_max 800 (0:00.100)
  interruptions.0.playout.pieces  {{item -> item_1, begin 3200 (400 ms), end 8000 (1000 ms)}}
  interruptions.0.playout.flush   sent_at 4960 (0:00.620), sent_ns 620000000 (0.620 s), sentinel sentinel-15

Words
  open {{item_1 -> item_1}}

Speaker
  sparse 1600 (200 ms), dense 320 (40 ms)

Responses
  resp_1                          response_id resp_1, state DONE, items [-> item_1], status completed

"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    return write_story(tmp_path / "bakery.jsonl", BAKERY)


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, ["state", *map(str, args)], env=env)


def head(done: Result) -> str:
    """The first line: which step it is."""
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.partition("\n")[0]


def brackets(text: str, heard: str) -> str:
    return heard if text == heard else f"{heard} [{text[len(heard) :].strip()}]"


class TestWhatIsPrinted:
    def test_the_step_of_a_barge_in_whole(self, story: Path) -> None:
        found = state_at(LOG, parse("seq:116"))
        (item,), (turn, _) = found.at_ear, found.turns
        by_now = brackets(item.generated_text, item.heard_text)
        for_certain = brackets(turn.generated_text, turn.heard_text)
        changed, ear, rest = AT_THE_BARGE_IN.partition("\nAt the ear\n")
        where = "entry 116   0:00.620 stream time, 0:00.620 from the call's opening\n"
        expected = (ear + rest).format(by_now=by_now, for_certain=for_certain) + SETTINGS
        done = run(story, "--seq", 116)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == where + plain(entry_lines(found.seen)) + changed + expected

    def test_before_anybody_has_spoken(self, story: Path) -> None:
        done = run(story, "--at", "start")
        _, _, after = done.stdout.partition("\n\n")
        assert after == (
            "Changed in this step\n"
            "  legs.caller                                   ABSENT → OPEN\n"
            "  call.seq                                      0 → 1\n"
            "\n"
            "At the ear   nothing that was sent is unheard\n"
            "\n"
            "Conversation   nothing yet\n"
            "\n"
            "Call\n"
            "  state AWAITING_START, seq 1, idle_ns_max 30000000000 (30.000 s)\n"
            "\n"
            "Legs\n"
            "  caller OPEN, model ABSENT\n"
            "\n"
            "Bounds\n"
            "  before_start_max 50, per_second_max 100, frame_ns 10000000 (0.010 s)\n"
            "\n"
            "Hearing\n"
            "  rules 2\n"
            "  stream                          flow 5\n"
            "  playout                         state SILENT\n"
            "\n"
            "Session\n"
            "  state NONE\n"
            "\n"
            "Model-leg\n"
            "  socket ABSENT, is_redialled\n"
            "\n"
            "Turns\n"
            "  is_answered\n"
            "\n"
            "Speaker\n"
            "  sparse 1600 (200 ms), dense 320 (40 ms)\n"
            "\n" + SETTINGS
        )

    def test_a_step_that_changed_nothing_says_so(self, tmp_path: Path) -> None:
        gap = Entry(1, 0, "fault", "engine", "log.gap", '{"type":"log.gap","reason":"no room"}')
        assert "\nChanged in this step   nothing\n" in run(write_story(tmp_path / "gap.jsonl", [gap])).stdout

    def test_an_item_that_nobody_speaks(self, tmp_path: Path) -> None:
        call = Harness()
        call.engine(build.leg_opened("caller"))
        call.caller(build.connected(), build.started())
        call.model(build.session_created(), build.session_updated(), build.item_added("item_0", None, "system"))
        call.model(build.frame(type="conversation.item.added", item={"id": "\x1b[2J", "type": "function_call"}))
        lines = run(write_story(tmp_path / "a.jsonl", call.entries)).stdout.splitlines()
        begin = lines.index("Conversation   in brackets what was not heard")
        assert lines[begin + 1 : begin + 5] == [
            "            system     (message, nothing said)",
            "                       item_0: nothing more is known of it",
            "                       (function_call, nothing said)",
            "                       \\x1b[2J: nothing more is known of it",
        ]

    def test_an_item_whose_words_were_looked_for(self, story: Path) -> None:
        found = state_at(LOG, parse("end")).state["conversation"]["items"]["item_1"]["alignment"]
        told = f"alignment {{{found['method']}, confidence {found['confidence']}, {found['finished']} of 7 words}}"
        repair = "repair {action truncate, audio_end_ms 520, outcome ok, event_id truncate-1}"
        (shown,) = (line for line in run(story).stdout.splitlines() if line.strip().startswith("item_1: "))
        assert repair in shown
        assert shown.endswith(told)

    def test_of_a_long_list_the_newest_are_shown_and_of_marks_the_next(self) -> None:
        shown = run(ROOT / "fixtures/golden/two_barge_ins_in_a_row.jsonl", "--at", "1.39s").stdout
        next_marks = "mark-15 7120 (890 ms), mark-16 8000 (1000 ms), mark-17 9120 (1140 ms), mark-18 10000 (1250 ms)"
        assert f"\n  interruptions.0.playout.marks   {next_marks}, and 6 more\n" in shown
        assert "anchors [[2960, 7800], [3280, 8120], [5120, 9960], [6000, 10840], and 9 more]" in shown


class TestWhere:
    @pytest.mark.parametrize(
        ("args", "seq", "stream"),
        [
            ([], 212, "0:01.400"),
            (["--at", "end"], 212, "0:01.400"),
            (["--at", "0.62s"], 125, "0:00.620"),
            (["--seq", "117"], 116, "0:00.620"),
            (["--turn", "1"], 53, "0:00.100"),
            (["--turn", "2"], 112, "0:00.600"),
            (["--mark", "mark-12"], 119, "0:00.620"),
            (["--at", "mark:probe-1"], 53, "0:00.100"),
        ],
    )
    def test_every_way_to_say_it(self, args: list[str], seq: int, stream: str, story: Path) -> None:
        assert head(run(story, *args)).startswith(f"entry {seq}   {stream} stream time, ")

    def test_of_a_sealed_call_and_of_one_that_runs(self, tmp_path: Path) -> None:
        write_sealed(tmp_path / "sealed", BAKERY)
        assert head(run("last", calls_dir=tmp_path / "sealed")).startswith("entry 212 ")
        live = write_live(tmp_path / "live", BAKERY[:118])
        assert head(run(CALL_SID[:6], calls_dir=tmp_path / "live")).startswith("entry 116 ")
        live.close()

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--seq", "999"], "there is no entry 999: the log has 1 to 213"),
            (["--turn", "3"], "there is no turn 3: the call has 2 turns"),
            (["--mark", "mark-99"], "there is no mark 'mark-99': there are 15. Is it mark-9 or mark-8 or mark-7?"),
            (["--at", "1:00"], "there is no 1:00.000 in the call: its last step is at 0:01.400"),
        ],
    )
    def test_a_place_that_is_not_there(self, args: list[str], said: str, story: Path) -> None:
        done = run(story, *args)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: {said}\n")

    def test_one_place_at_a_time(self, story: Path) -> None:
        done = run(story, "--seq", 3, "--turn", 1)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.endswith("Error: --at, --seq, --turn and --mark: one of them at a time.\n")

    def test_a_call_that_is_not_there(self, tmp_path: Path) -> None:
        done = run("last", calls_dir=tmp_path)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: there are no calls in {tmp_path}\n")


class TestJson:
    def test_keys_and_values(self, story: Path) -> None:
        done = run(story, "--seq", 116, "--json")
        made: dict[str, Any] = json.loads(done.stdout)
        assert (done.exit_code, done.stderr) == (0, "")
        assert list(made) == ["call_sid", "seq", "stream_ms", "at_ms", "entries", "changes", "at_ear", "turns", "state"]
        assert [made[key] for key in ("call_sid", "seq", "stream_ms", "at_ms")] == [CALL_SID, 116, 620, 620]
        assert [(entry["seq"], entry["type"]) for entry in made["entries"]] == [
            (116, "input_audio_buffer.speech_started"),
            (117, "clear"),
            (118, "mark"),
        ]
        assert made["changes"][:3] == [
            {"path": ["call", "seq"], "before": 114, "after": 116},
            {"path": ["names", "marks"], "before": 14, "after": 15},
            {"path": ["conversation", "items", "item_1", "is_cut"], "before": False, "after": True},
        ]
        assert {"path": ["hearing", "playout", "marks", "mark-12"], "before": 4800} in made["changes"]
        (ear,) = made["at_ear"]
        heard_text = ear.pop("heard_text")
        assert ear == {
            "item_id": "item_1",
            "is_cleared": True,
            "heard_ms": 520,
            "heard_min_ms": 400,
            "heard_max_ms": 540,
            "sent_ms": 1000,
            "generated_ms": 1000,
            "generated_text": "Cash or credit? We have a discount.",
        }
        assert "Cash or credit? We have a discount.".startswith(heard_text)
        assert [turn["speaker"] for turn in made["turns"]] == ["assistant", "caller"]
        walk = Walk(LOG)
        next(moment for moment in walk if moment.seq == 116)
        assert made["state"] == json.loads(msgspec.json.encode(state_data(walk.call)))


class TestAtTheEar:
    def test_words_that_have_not_come_are_not_shown(self, tmp_path: Path) -> None:
        entries = [entry for entry in BAKERY if entry.type != "response.output_audio_transcript.done"]
        shown = run(write_story(tmp_path / "a.jsonl", renumbered(entries)), "--at", "0.3s").stdout
        assert "\n  item_1  heard 200 of 1000 ms (200 to 220) by now, 1000 were sent\n\nConversation   " in shown

    def test_a_fraction_of_a_millisecond_is_left_out_of_lengths_and_told_of_samples(self, tmp_path: Path) -> None:
        """The model has whole milliseconds of an item; it is as long in every line, and no more of it was sent."""
        call = Harness()
        call.seq = 1
        call.engine(build.leg_opened("caller"))
        call.caller(build.connected(), build.started())
        call.engine(build.leg_opened("model"))
        call.model(build.session_created(), build.session_updated())
        call.run(100)
        call.model(*build.reply_begun(2_803.5), build.item_done())
        call.run(3_200)
        shown = run(write_story(tmp_path / "a.jsonl", call.entries), "--at", "2s").stdout
        assert re.findall(r"  item_1  (.*)", shown) == ["heard 1900 of 2803 ms (1740 to 1920) by now, 2803 were sent"]
        assert "generated_samples 22428 (2803.5 ms), sent_samples 22428 (2803.5 ms)" in shown

    def heard_ms(self, *places: str) -> list[list[tuple[int, int, int, bool]]]:
        found = (state_at(LOG, parse(place)).at_ear for place in places)
        return [[(each.heard_min_ms, each.heard_ms, each.heard_max_ms, each.is_cleared) for each in at] for at in found]

    def test_it_follows_the_stream_until_the_clear_and_nothing_is_left_at_the_end(self) -> None:
        assert self.heard_ms("0.04s", "0.1s", "0.3s", "0.6s", "seq:116", "0.7s", "end") == [
            [],
            [(0, 0, 20, False)],
            [(200, 200, 220, False)],
            [(400, 500, 520, False)],
            [(400, 520, 540, True)],
            [],
            [],
        ]

    def test_to_ask_leaves_no_trace(self) -> None:
        """Neither the clock nor the ledger is another for it: the core decides the same after it as without it."""
        asked, unasked = Walk(LOG), Walk(LOG)
        for _ in zip(asked, unasked, strict=True):
            at_ear_now(asked.call)
            assert state_data(asked.call) == state_data(unasked.call)


def test_what_a_search_found_is_told_in_words() -> None:
    """The answer to a search is an input like any other: its step is that the words are known."""
    found = state_at(LOG, parse("seq:125"))
    assert isinstance(wire_engine.decode(found.seen[0].entry.body)[1], ev.ItemAligned)
    assert ("conversation", "items", "item_1", "alignment") in [change.path for change in found.changes]
