"""What the demo shows of a call at given moments: the words, the bars, the interruption."""

from functools import cache
from pathlib import Path

import msgspec
import pytest

from engine.core import Call, CallSettings, Entry, record, report
from engine.demo import virtual
from engine.demo.ending import Truth, ending_lines, truths
from engine.demo.follow import Follower
from engine.demo.narrate import Narrator
from engine.demo.screen import COMING, HEARD, LOST, picture
from engine.demo.script import demo_call
from engine.demo.stage import Performance
from engine.demo.view import Reach, Spoken, View, view
from engine.log.reader import CallRow
from engine.log.seal import seal
from engine.log.writer import CallLog
from engine.sim.caller import Cue
from engine.sim.scenario import Scenario
from engine.sim.speech import load
from engine.sim.world import Outcome, run
from replay.paint import plain
from replay.text import clock

GREETING = "Good morning, this is the corner bakery. What can I get for you?"
ORDER = "Two croissants and a baguette, please."
PRICE, OFFER = "That will be $9.05. Cash or credit?", "We also have a store discount you can apply now."


@cache
def demo() -> Outcome:
    return run(demo_call(), virtual.SEED)


def at(at_ms: int) -> Call:
    """The demo's call, `at_ms` after it opened."""
    call = Call(demo().scenario.settings)
    for entry in demo().entries:
        if entry.at_ns > at_ms * 1_000_000:
            break
        if entry.kind == "input":
            call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
    return call


def seen(at_ms: int) -> View:
    return view(at(at_ms))


def texts(at_ms: int, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain.rstrip() for line in picture(seen(at_ms), width, height)]


def clear_ms() -> int:
    return next(entry.at_ns for entry in demo().entries if entry.type == "clear") // 1_000_000


def test_before_the_call_there_is_an_empty_stage() -> None:
    empty = view(Call(CallSettings()))
    assert empty == View(0, "ringing", False, [], None, None)
    assert picture(empty, 80, 24)[0].plain.endswith("ringing  0:00.0")


def test_words_light_up_as_they_reach_the_ear() -> None:
    (greeting,) = seen(2_500).spoken
    assert greeting.heard + greeting.unheard == GREETING
    assert greeting.heard.startswith("Good morning, this is")
    assert greeting.unheard.endswith("What can I get for you?")
    # Two tenths of a second later at least as many, and at the end all of them.
    (later,) = seen(2_700).spoken
    assert later.heard.startswith(greeting.heard)
    assert seen(5_000).spoken == [Spoken("assistant", greeting.start_ms, GREETING)]


def test_words_do_not_wait_for_the_next_mark() -> None:
    shown: dict[int, set[str]] = {}
    for at_ms in range(2_000, 4_500, 20):
        (greeting,) = seen(at_ms).spoken
        (item,) = at(at_ms).conversation.order
        shown.setdefault(item.heard_samples, set()).add(greeting.heard)
    assert sum(len(texts) > 1 for texts in shown.values()) > 5, "more words, and nothing new proven"


def test_the_ear_falls_behind_what_was_generated() -> None:
    early, late = seen(2_500).reach, seen(3_000).reach
    assert early is not None
    assert late is not None
    assert early.generated_ms == early.sent_ms == late.generated_ms
    # It moves with the phone's clock, half a second in half a second, between marks too.
    assert late.heard_ms - early.heard_ms == pytest.approx(500, abs=20)
    bars = [line for line in texts(2_500) if line.endswith(" s")]
    assert [line.split()[0] for line in bars] == ["generated", "sent", "heard"]
    assert [line.split()[-2] for line in bars] == ["3.89", "3.89", f"{early.heard_ms / 1000:.2f}"]
    assert bars[0].count("━") == bars[1].count("━") > 2 * bars[2].count("━") > 0


def test_the_caller_is_seen_to_speak_before_the_words_are_known() -> None:
    speaking = seen(7_000)
    assert (speaking.is_caller_speaking, speaking.spoken[-1].heard) == (True, "")
    assert any(line.endswith("speaking ...") for line in texts(7_000))
    assert seen(9_000).spoken[1].heard == ORDER


def test_the_moment_of_the_barge_in() -> None:
    # The clear is on its way: the ear is shown where it was, and nothing is said of what comes of it.
    during = seen(clear_ms() + 30)
    assert during.interruption is not None
    assert during.interruption.clear_effective_ms is None
    assert during.reach is not None
    assert 5_200 < during.reach.heard_ms < 5_400 < during.reach.sent_ms
    assert during.reach == seen(clear_ms() + 70).reach
    lines = texts(clear_ms() + 30)
    assert [line.split()[0] for line in lines if line][-2:] == ["BARGE-IN", "to"]
    # A moment later it has been judged, and the model was told.
    after = seen(clear_ms() + 300)
    item = after.spoken[3]
    assert (item.heard + item.unheard, item.is_cut) == (OFFER, True)
    (cut,) = report(demo().call).interruptions
    (judged,) = cut.items
    assert texts(clear_ms() + 300)[-4:] == [
        f" BARGE-IN    {clock(cut.caller_onset_ms)}  the caller talks over the assistant",
        f" to Twilio   {clock(cut.clear_sent_ms)}  clear, and a mark behind it",
        f" took effect {clock(cut.clear_effective_ms)}  heard: {judged.heard_ms} ms of item_reply002_2",
        f" to model              truncate at {judged.audio_end_ms} ms: ok (item_reply002_2)",
    ]


def test_the_barge_in_flashes_and_stays() -> None:
    def alarm(at_ms: int) -> str:
        (line,) = [line for line in picture(seen(at_ms), 80, 24) if "BARGE-IN" in line.plain]
        return str(line.spans[0].style)

    assert "on red" in alarm(clear_ms() + 100)
    assert "on red" not in alarm(clear_ms() + 2_000)


def test_heard_coming_and_lost_words_look_different() -> None:
    def styles(at_ms: int) -> set[str]:
        return {str(span.style) for line in picture(seen(at_ms), 80, 40) for span in line.spans}

    assert {HEARD, COMING} <= styles(2_500)
    assert LOST not in styles(2_500)
    assert LOST in styles(clear_ms() + 300)


@pytest.mark.parametrize("width", [10, 20, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("height", [3, 10, 24, 50])
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    for at_ms in (0, 500, 2_500, clear_ms() + 300, 30_000):
        lines = picture(seen(at_ms), width, height)
        assert len(lines) <= height
        assert max(line.cell_len for line in lines) <= width


def test_in_a_low_terminal_the_oldest_words_go() -> None:
    low = texts(30_000, height=16)
    assert not any("Good morning" in line for line in low)
    assert any("ten percent" in line for line in low)
    assert low[2].split() == ["caller", "assistant"]


def test_in_a_narrow_terminal_the_lanes_lie_upon_each_other() -> None:
    assert texts(9_000, width=50)[2:5] == [f"< {GREETING[:48].rsplit(' ', 1)[0]}", "  can I get for you?", f"> {ORDER}"]


def test_looking_changes_nothing() -> None:
    watched, unwatched = Call(demo().scenario.settings), Call(demo().scenario.settings)
    for entry in demo().entries:
        if entry.kind == "input":
            taken = (entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
            steps = [call.step(*taken) for call in (watched, unwatched)]
            first, second = (record(step.commands, entry.seq + 1, entry.at_ns, entry.seq) for step in steps)
            assert first == second
            if entry.seq % 50 == 0:
                picture(view(watched), 80, 24)


def test_a_follower_sees_a_live_log_grow_and_lets_go_of_it(tmp_path: Path) -> None:
    outcome = demo()
    steps = list(virtual.steps(outcome.entries))
    log = CallLog(tmp_path)
    plan, settings = outcome.scenario.edge, outcome.scenario.settings
    follower = Follower(settings)
    path = tmp_path / "live" / f"{plan.call_sid}.db"
    assert list(follower.look(path)) == []

    log.open(
        CallRow(plan.call_sid, plan.stream_sid, plan.account_sid, "2026-11-20T00:00:00+00:00", 1, "", "{}"),
    )
    read: list[Entry] = []
    for number, rows in enumerate(steps, 1):
        log.append(rows)
        if number % 500 == 0:
            read += follower.look(path)
            assert read == [entry for step in steps[:number] for entry in step]
            assert (follower.is_live, follower.call.at_ns) == (True, rows[0].at_ns)
    # Had a look kept the file open, it could not be sealed.
    sealed = seal(log)
    assert sealed is not None
    read += follower.look(sealed.path)
    assert read == outcome.entries
    assert (follower.is_live, report(follower.call)) == (False, report(outcome.call))


def test_a_narrator_tells_each_thing_once() -> None:
    call, narrator, told = Call(demo().scenario.settings), Narrator(), ""
    for entry in demo().entries:
        if entry.kind == "input":
            call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        told += plain(narrator.tell(entry, call))
    spoken = [line[11:] for line in told.splitlines()]
    assert spoken[3:] == [
        f"assistant  was heard: {GREETING}",
        "caller     begins to speak",
        f"caller     said: {ORDER}",
        f"assistant  was heard: {PRICE}",
        "caller     begins to speak",
        "BARGE-IN   the assistant is being talked over: clear goes to Twilio, a mark behind it",
        *[line for line in spoken if "was heard: We also" in line or "tells the model" in line],
        "model      has done it: conversation.item.truncated",
        "caller     said: Wait, what discount?",
        "assistant  was heard: It is ten percent off for neighbors, so that makes $8.15.",
        "caller     hangs up",
        "bridge     the call has ended: stop (Twilio said stop)",
    ]
    (lost,) = [line for line in spoken if "was heard: We also have" in line]
    assert lost.endswith("discount you can apply now.]")
    times = [line[:9] for line in told.splitlines()]
    assert times == sorted(times)


def ended(scenario: Scenario) -> tuple[str, Performance]:
    """The ending of a call in virtual time, as text, and who knows the truth."""
    outcome = run(scenario, virtual.SEED)
    performance = Performance(outcome.edge, outcome.model)
    return plain(ending_lines(outcome.call, performance)), performance


def test_two_items_interrupted_in_the_first() -> None:
    """What was generated behind the interrupted item is deleted, and the ending says so."""
    scenario = demo_call()
    cash = load("bakery_total").until(2_900)
    cues = (scenario.edge.cues[0], Cue(100, after=cash, audio=load("caller_interrupts").audio), scenario.edge.cues[2])
    told, performance = ended(msgspec.structs.replace(scenario, edge=msgspec.structs.replace(scenario.edge, cues=cues)))
    known = truths(performance)
    assert known["item_reply001_1"].kept_samples == known["item_reply001_1"].played_samples
    assert known["item_reply002_2"] == Truth(played_samples=0, kept_samples=None)
    first, second = told.split("\n\n")[1:]
    assert first.splitlines()[0].startswith(
        "  item_reply002_1  3943 ms generated and sent, the clear took effect at 0:1"
    )
    assert "conversation.item.truncate, audio_end_ms " in first
    assert second.splitlines()[1:] == [
        "  the phone played     0 ms  its own count of samples: the truth",
        "  the bridge says      0 ms  +0.0 ms  from marks alone",
        "  the model was told   conversation.item.delete: none of it was heard  ok",
        "  the model remembers  nothing of it",
    ]


def test_a_call_without_an_interruption_says_so() -> None:
    scenario = demo_call()
    edge = msgspec.structs.replace(scenario.edge, cues=(Cue(8_000, hang_up=True),))
    told, _ = ended(msgspec.structs.replace(scenario, edge=edge))
    assert told == "\nWhat was generated, and what the caller heard\n  nobody was interrupted in this call\n"


def test_a_bar_is_as_long_as_what_it_stands_for() -> None:
    made = View(0, "live", False, [], Reach(10_000, 5_000, 2_500, is_cut=True), None)
    bars = [line.plain for line in picture(made, 80, 24) if "━" in line.plain]
    room = 80 - 21
    assert [bar.count("━") for bar in bars] == [room, round(room / 2), round(room / 4)]
