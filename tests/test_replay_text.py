"""The report for eyes, whole: what an engineer reads at night must not be a surprise."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core import CallSettings, Entry
from engine.core.heard import Partial
from engine.core.report import Interrupted, InterruptedItem, Turn
from engine.core.settings import Limits
from replay.columns import shorten
from replay.paint import Line, is_terminal, line, plain, print_in_colour, visible
from replay.rows import Log
from replay.runner import Result, replay
from replay.text import call_lines, clock, when
from tests import build
from tests.build import Harness, in_call
from tests.replay_calls import bakery, log_of, renumbered
from tests.replay_turns import assistant

BAKERY = bakery()

HEADER = """\
CA0123456789abcdef0123456789abcdef   stream MZ0123456789abcdef0123456789abcdef
2026-11-20 14:03:11 UTC, 0:01.400 long, ended: stop (Twilio said stop)
213 entries: 107 inputs, 106 commands, 0 faults, 0 malformed; format 1, rules 2, engine 0.1.0
"""
STORY = """
Conversation   stream time; in brackets what was not heard, or not to its end
  0:00.100  assistant  Cash or credit? We [have a discount.]
                       item_1: heard 520 of 1000 ms (400 to 540), 4 of 7 words (3 to 5), interrupted
  0:00.600  caller     Cash.

Interruptions
  1  at 0:00.620
     caller began   0:00.600, 500 ms into item_1
     clear sent     0:00.620, 20 ms after the caller began
     took effect    0:00.620, 0 ms later
     item_1   heard 520 of 1000 ms (400 to 540); truncate at 520 ms: ok
"""
UNDERSTOOD = "  as this version understands it: the log parts from it at entry 123\n"
STORY_AS_UNDERSTOOD = (
    STORY.replace("to its end\n", f"to its end\n{UNDERSTOOD}")
    .replace("Interruptions\n", f"Interruptions\n{UNDERSTOOD}")
    .replace("; truncate at 520 ms: ok", "; this version: truncate at 520 ms; recorded: truncate at 400 ms: pending")
)


def text_of(entries: Sequence[Entry]) -> str:
    log = log_of(entries)
    return plain(call_lines(log, with_words(replay(log))))


def with_words(result: Result) -> Result:
    """As if the words of the bakery had been found where they are here, whatever the aligner makes of a tone."""
    found = assistant("Cash or credit? We have a discount.", heard=4)
    words = {name: getattr(found, name) for name in ("heard_text", "heard_words", "words", "method", "confidence")}
    turns = [
        replace(turn, **words, heard_words_min=3, heard_words_max=5) if turn.speaker == "assistant" else turn
        for turn in result.report.turns
    ]
    return replace(result, report=replace(result.report, turns=turns))


def story(turns: list[Turn], interruptions: list[Interrupted], entries: Sequence[Entry] = ()) -> str:
    """The conversation and the interruptions of a report made by hand; `entries` are the log's."""
    log = log_of(entries)
    result = replay(log_of([]))
    made: Result = replace(result, report=replace(result.report, turns=turns, interruptions=interruptions))
    return plain(call_lines(log, made)).split("\n\n", 1)[1].rsplit("\n\n", 1)[0]


TURN = assistant("One two.", each_ms=500)
CUT = assistant("Call 415-555-0142. Thanks.", heard=1, each_ms=200)


def test_the_whole_report() -> None:
    assert text_of(BAKERY) == f"{HEADER}{STORY}\nsame: every command is the one that was recorded\n"


def test_a_log_without_an_end_says_so_twice() -> None:
    report = text_of(BAKERY[:212])
    assert "0:01.400 long, no end in the log (killed, or still running)\n" in report
    assert report.endswith("\nsame: the log ends here, at entry 212: no end of call\n")


def test_a_divergence_names_the_entry_both_sides_and_what_stood_around_it() -> None:
    """The truncate of entry 123 is another in the log."""
    spoilt = [
        replace(entry, body=entry.body.replace(":520", ":400")) if entry.seq == 123 else entry for entry in BAKERY
    ]
    told = re.sub(r'"words":.*', '"words":…', text_of(spoilt))
    assert told.replace("0123456789abcdef" * 2, "…") == (
        f"{HEADER}{STORY_AS_UNDERSTOOD}".replace("0123456789abcdef" * 2, "…")
        + """
Divergence
  entry 123, 0:00.620 of the stream
  recorded  command model conversation.item.truncate {"type":"conversation.item.truncate","event_id":"truncate-1",\
"item_id":"item_1","content_index":0,"audio_end_ms":400}
  replayed  command model conversation.item.truncate {"type":"conversation.item.truncate","event_id":"truncate-1",\
"item_id":"item_1","content_index":0,"audio_end_ms":520}
    audio_end_ms: recorded 400, replayed 520
  while deciding entry 122: input caller mark {"event":"mark","sequenceNumber":"3","streamSid":"MZ…",\
"mark":{"name":"sentinel-15"}}
  in the log, audio left out:
       117   0:00.620  command caller clear {"event":"clear","streamSid":"MZ…"}
       118   0:00.620  command caller mark {"event":"mark","streamSid":"MZ…","mark":{"name":"sentinel-15"}}
       119   0:00.620  input   caller mark {"event":"mark","sequenceNumber":"3","streamSid":"MZ…",\
"mark":{"name":"mark-12"}}
       120   0:00.620  input   caller mark {"event":"mark","sequenceNumber":"3","streamSid":"MZ…",\
"mark":{"name":"mark-13"}}
       121   0:00.620  input   caller mark {"event":"mark","sequenceNumber":"3","streamSid":"MZ…",\
"mark":{"name":"mark-14"}}
       122   0:00.620  input   caller mark {"event":"mark","sequenceNumber":"3","streamSid":"MZ…",\
"mark":{"name":"sentinel-15"}}
  >    123   0:00.620  command model  conversation.item.truncate {"type":"conversation.item.truncate",\
"event_id":"truncate-1","item_id":"item_1","content_index":0,"audio_end_ms":400}
       124   0:00.620  command engine align_item {"type":"align_item","item_id":"item_1","audio_ms":1000,\
"characters":35,"complete":true,"frames_per_letter":null}
       125   0:00.620  input   engine item.aligned {"type":"item.aligned","item_id":"item_1","alignment":\
{"transcript":"Cash or credit? We have a discount.","words":…
       130   0:00.660  input   model  conversation.item.truncated {"type":"conversation.item.truncated",\
"event_id":"event_13","item_id":"item_1","content_index":0,"audio_end_ms":520}

diverged: recorded and replayed part at entry 123
"""
    )


def test_trouble_is_told_with_its_place() -> None:
    """Everything that should not be, in one call."""
    call = Harness()
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started(), "garbage\x1b[2J")
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated(), '{"type":"error"}')
    call.run(20)
    call.wait(65_250)
    call.model(build.model_error("rate_limit_exceeded", "slow down", "truncate-1"), build.model_error("odd", "no"))
    call.model(build.response_created(), build.response_done(status="failed", details={"reason": "content_filter"}))
    call.engine('{"type":"outbox.full","leg":"caller"}')
    call.engine('{"type":"limit.reached","limit":"frame_bytes_max","value":9,"max":8}')
    call.engine(build.leg_failed(401, "unauthorized"), build.leg_failed(None, "no route"))
    faults = [
        Entry(call.seq, 65_250_000_000, "fault", "engine", "fault", '{"type":"fault","reason":"oh"}'),
        Entry(call.seq + 1, 65_250_000_000, "fault", "engine", "fault", "oh"),
    ]
    said = text_of([*call.entries, *faults]).split("Trouble\n")[1].split("\n\n")[0]
    assert [" ".join(told.split()) for told in said.splitlines()] == [
        "0:00.000 entry 5 malformed frame: caller leg: JSON is malformed: invalid character (byte 0)",
        "0:00.000 entry 10 malformed frame: model leg: error: Object missing required field `error`",
        "1:05.250 entry 13 model error: rate_limit_exceeded: slow down (to our truncate-1)",
        "1:05.250 entry 14 model error: odd: no",
        "1:05.250 entry 16 response failed: resp_1: content_filter",
        "1:05.250 entry 17 outbox full: caller leg reads too slowly",
        "1:05.250 entry 20 limit reached: frame_bytes_max: 9, at most 8",
        "1:05.250 entry 21 leg failed: model leg: HTTP 401, unauthorized",
        "1:05.250 entry 22 leg failed: model leg: no route",
        "1:05.250 entry 23 fault: oh",
        "1:05.250 entry 24 fault: oh",
    ]


def test_a_call_without_a_word() -> None:
    assert story([], []).endswith("to its end\n  nobody spoke")


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (TURN, "One two."),
        (replace(TURN, speaker="caller", generated_text="", heard_text=""), "(no transcript)"),
        (replace(TURN, heard_text="", heard_ms=0, heard_max_ms=0), "[One two.] item_1: heard nothing of 1000 ms"),
        (
            replace(TURN, heard_text="Other", heard_ms=500, heard_min_ms=400, heard_max_ms=600, words=[]),
            "Other [generated: One two.] item_1: heard 500 of 1000 ms (400 to 600) "
            "which words is not known: they were not looked for in the audio",
        ),
        (
            replace(TURN, generated_text="", heard_text="", heard_ms=500, heard_min_ms=500, heard_max_ms=500, words=[]),
            "(no transcript) item_1: heard 500 of 1000 ms",
        ),
        (replace(TURN, start_ms=None), "One two."),
    ],
)
def test_turns(turn: Turn, told: str) -> None:
    lines = story([turn], []).splitlines()[1:]
    start = "unknown" if turn.start_ms is None else "0:01.000"
    assert " ".join(" ".join(lines).split()) == f"{start} {turn.speaker} {told}"


HEARD_OF_CUT = "Call [415-555-0142. Thanks.] item_1: heard 300 of 600 ms (280 to 320), 1 of 3"


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (CUT, "words, interrupted"),
        (replace(CUT, confidence=0.5), "words, interrupted"),
        (replace(CUT, heard_words_max=2), "words (1 to 2), interrupted"),
        (
            replace(CUT, confidence=0.49),
            "words, interrupted words are an estimate: the audio fits the transcript poorly (confidence 0.49)",
        ),
        (
            replace(CUT, method="voiced"),
            "words, interrupted words are an estimate: the text was spread over the voiced audio",
        ),
        (
            replace(CUT, method="characters"),
            "characters, interrupted characters are an estimate: the text was spread over the voiced audio",
        ),
        (
            replace(CUT, partial=Partial("415-555-0142.", "four one five five", 4, 10)),
            'words, interrupted 415-555-0142: heard "four one five five" (4 of 10)',
        ),
        (replace(CUT, partial=Partial("95", "", 1, 2)), "words, interrupted 95: heard (1 of 2)"),
    ],
)
def test_doubts_are_told_and_certainty_makes_no_noise(turn: Turn, told: str) -> None:
    lines = story([turn], []).splitlines()[1:]
    assert " ".join(" ".join(lines).split()) == f"0:01.000 assistant {HEARD_OF_CUT} {told}"


def test_an_interruption_of_which_little_is_known() -> None:
    """By a key, before any audio was heard; the clear was never seen to work."""
    items = [
        InterruptedItem("item_1", 0, "delete", None, "pending"),
        InterruptedItem("item_2", 100, "truncate", 100, "error"),
        InterruptedItem("item_3", 300, "none", None, "ok"),
    ]
    delete, truncate = "conversation.item.delete", "conversation.item.truncate"
    ask = {"event_id": "ask", "item_id": "item_2", "content_index": 0, "audio_end_ms": 100}
    entries = [
        Entry(1, 0, "command", "model", delete, build.frame(type=delete, event_id="delete", item_id="item_1")),
        Entry(2, 0, "command", "model", truncate, build.frame(type=truncate, **ask)),
        Entry(3, 0, "input", "model", "error", build.model_error("odd", "no", "ask")),
    ]
    told = story([TURN], [Interrupted(61_005, None, 61_005, None, items)], entries)
    assert told.split("Interruptions\n")[1].split("\n\n")[0] == (
        "  1  at 1:01.005\n"
        "     clear sent     1:01.005\n"
        "     took effect    not seen\n"
        "     item_1   heard 0 of 1000 ms; delete: pending\n"
        "     item_2   heard 100 ms; truncate at 100 ms: error\n"
        "     item_3   heard 300 ms; left as it is"
    )


def test_what_was_playing_when_the_caller_began_is_the_item_that_was() -> None:
    """Of two items of one response, the second; after both, none."""
    turns = [TURN, replace(TURN, item_id="item_2", start_ms=2_000), replace(TURN, item_id="item_3", start_ms=None)]
    items = [InterruptedItem(f"item_{number}", 0, "none", None, "ok") for number in (4, 3, 1, 2)]
    told = story(
        turns, [Interrupted(2_600, 2_500, 2_600, 2_700, items), Interrupted(9_000, 8_000, 9_000, 9_100, items)]
    )
    assert "     caller began   0:02.500, 500 ms into item_2\n" in told
    assert "     caller began   0:08.000\n" in told


def test_a_divergence_in_the_audio_is_shown_although_audio_is_left_out() -> None:
    played = next(entry for entry in BAKERY if entry.kind == "command" and entry.type == "media")
    spoilt = [replace(entry, audio_to=160) if entry is played else entry for entry in BAKERY]
    said = [told for told in text_of(spoilt).splitlines() if told.startswith(("  >", "    audio"))]
    body = '{"event":"media","streamSid":"MZ0123456789abcdef0123456789abcdef","media":{"payload":""}}'
    assert said == [
        f"    audio_to: recorded 160, replayed {played.audio_to}",
        f"  > {played.seq:>6}   0:00.100  command caller media {body}",
    ]


def test_a_command_that_nothing_brought_about() -> None:
    report = text_of([replace(BAKERY[3], seq=1)])
    assert "  replayed  nothing\n  in the log, audio left out:\n" in report


def test_clocks() -> None:
    assert [clock(ms) for ms in (None, 0, 61_005, 3_600_000)] == ["unknown", "0:00.000", "1:01.005", "60:00.000"]
    assert when("2026-11-20T14:03:11.250000+00:00") == "2026-11-20 14:03:11 UTC"
    assert when("2026-11-20T14:03:11") == "2026-11-20 14:03:11"


def test_nothing_a_stranger_says_reaches_the_terminal() -> None:
    assert visible("a\n\tb \x1b[31mred\u202e") == "a b \\x1b[31mred\\u202e"
    assert visible("👩\u200d🍳") == "👩\u200d🍳", "what only joins signs does no harm"


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_who_gets_colour(environ: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert is_terminal(_Terminal()) is expected  # type: ignore[arg-type]  # all that is asked of it is isatty


def test_on_a_terminal_what_was_not_heard_is_struck_through(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And text too long for the line goes on below itself, right of its label."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_in_colour([line("one two three four five six seven ", ("eight", "unheard"), label="label  "), line()])
    shown = capsys.readouterr().out
    assert shown == "label  one two three four five six seven\n       \x1b[2;9m[eight]\x1b[0m\n\n"


def test_plain_lines_hold_no_escape_sequence() -> None:
    made: list[Line] = [line(("gone", "unheard"), (" stays", "bold"), label=[("x ", "dim")])]
    assert plain(made) == "x [gone] stays\n"


def test_a_long_body_is_cut(tmp_path: Path) -> None:
    spoilt = [replace(e, body=f'{{"x":"{"y" * 500}"}}') if e.seq == 4 else e for e in BAKERY]
    log: Log = log_of(spoilt)
    report = plain(call_lines(log, replay(log)))
    assert "… (374 more characters)\n" in report


def test_what_the_caller_had_to_do_without_is_told() -> None:
    """A model that is not ready for too long, and then speaks more slowly than its words are played."""
    call = Harness(CallSettings(limits=Limits(pending_audio_ms_max=200)))
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.run(500)
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.model(*build.reply_begun(100))
    call.run(1_000)
    call.model(build.item_audio(100))
    call.run(1_400)
    log = replace(log_of(call.entries), settings=call.call.settings)
    report = plain(call_lines(log, replay(log)))
    dropped = "300 ms of the caller came before the model was ready and were dropped; 200 are kept"
    assert f"  pending_audio_ms_max: {dropped}\n" in report
    waited = "the caller waited in the middle of an item for more of it; the longest is"
    assert f"  underrun: once, {waited} 400 ms, at 0:00.600\n" in report
    call.model(build.item_audio(100))
    call.run(1_800)
    log = replace(log, rows=log_of(call.entries).rows)
    assert f"  underrun: 2 times, {waited} 400 ms, at 0:00.600\n" in plain(call_lines(log, replay(log)))


def test_of_a_call_that_runs_it_is_told_where_the_ear_is() -> None:
    """In the middle of the answer; and when the caller has just broken in, which is not settled yet."""
    call = in_call()
    call.run(100)
    call.model(*build.reply_begun(2_000), build.item_words("One two three four."))
    call.run(690)
    running = text_of(renumbered(call.entries)).split("to its end\n")[1].split("\n\n")[0]
    words = [line.strip() for line in running.splitlines()]
    assert words[0].startswith("0:00.100  assistant  One")
    assert words[1] == "item_1: heard 580 of 2000 ms (400 to 600) when the log ends"
    call.model(build.speech_started(380))
    cut = text_of(renumbered(call.entries)).split("     item_1   ")[1].splitlines()[0]
    assert cut == "heard 590 of 2000 ms (400 to 610) when the log ends; nothing was asked of the model yet"


@pytest.mark.parametrize(
    ("length", "shown"), [(160, "x" * 160), (179, "x" * 179), (180, "x" * 160 + "… (20 more characters)")]
)
def test_a_few_characters_are_not_left_out(length: int, shown: str) -> None:
    """To say so would take more room, and it may be just these that differ."""
    assert shorten("x" * length, 160) == shown
