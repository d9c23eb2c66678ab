"""Laws: what holds for every call, however odd. `Harness.put` checks `heard <= sent <= generated` after each step."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.core import Call, CallSettings, Entry, Leg, commands, record, report, split
from engine.core.settings import Limits
from tests import build
from tests.build import Harness, in_call

legs = st.sampled_from(["caller", "model", "engine"])
QUICK = CallSettings(greeting="Greet.", limits=Limits(settle_ms=300, pending_audio_ms_max=60, idle_ms_max=5_000))

# Anything at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
NAMES = [
    *("event", "type", "media", "payload", "timestamp", "delta", "item", "item_id", "id", "response", "response_id"),
    *("session", "error", "leg", "code", "reason", "audio_start_ms", "audio_end_ms", "mark", "name", "content_index"),
]
TYPES = [
    *("start", "media", "mark", "dtmf", "stop", "leg.opened", "leg.closed", "leg.failed", "limit.reached"),
    *("session.created", "session.updated", "response.done", "response.output_audio.delta", "error"),
    *("conversation.item.added", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"),
]
odd_frames = st.dictionaries(st.sampled_from(NAMES), values | st.sampled_from(["AAAA", "caller", "item_1"]), max_size=6)
tagged = st.builds(lambda fields, kind: {**fields, "event": kind, "type": kind}, odd_frames, st.sampled_from(TYPES))
anything = st.text(max_size=40) | values.map(json.dumps) | tagged.map(json.dumps)


@settings(max_examples=100)
@given(inputs=st.lists(st.tuples(legs, anything), max_size=8))
def test_whatever_comes_on_any_leg_nothing_raises(inputs: list[tuple[Leg, str]]) -> None:
    harness = in_call()
    harness.model(*build.reply_begun(300))
    for leg, text in inputs:
        harness.put(leg, text)
        assert not any(isinstance(command, commands.Fault) for command in harness.last.commands), text
    report(harness.call)


@settings(max_examples=50)
@given(leg=legs, body=st.text(), audio=st.none() | st.binary(max_size=50))
@example(leg="model", body='{"type":"\ud800"}', audio=None)
@example(leg="caller", body='{"event":"media","media":{"timestamp":"0","payload":"f39/fw=="}}', audio=b"\x00")
def test_a_step_takes_whatever_a_damaged_log_holds(leg: Leg, body: str, audio: bytes | None) -> None:
    """Body and audio need not belong together when a log is read back from a bad disk."""
    step = Call(CallSettings()).step(0, 0, leg, body, audio)
    assert [command for command in step.commands if isinstance(command, commands.Fault)] == []


# Plausible calls

items = st.sampled_from(["item_1", "item_2", "item_3"])
responses = st.sampled_from(["resp_1", "resp_2"])
lengths_ms = st.sampled_from([0, 0.125, 7, 40, 250, 1_000])
inputs_ms = st.integers(0, 3_000)

Act = Callable[[Harness], None]


def model(build_frame: Callable[..., str], *fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Act]:
    def act(values: tuple[Any, ...]) -> Act:
        return lambda harness: harness.model(build_frame(*values))

    return st.tuples(*fields).map(act)


def echo_of(number: int) -> Act:
    """Any mark ever sent, played or not, echoed before or not."""

    def act(harness: Harness) -> None:
        names = [each.command.name for each in harness.sent if isinstance(each.command, commands.PlaceMark)]
        harness.caller(build.echo(names[number % len(names)] if names else "mark-1"))

    return act


def answer(ms: int, is_whole: bool) -> Act:
    """An item of its own in a response of its own, whole or to be gone on with."""

    def act(harness: Harness) -> None:
        number = len(harness.call.conversation.responses) + 10
        frames = build.reply if is_whole else build.reply_begun
        harness.model(*frames(ms, f"item_{number}", f"resp_{number}"))

    return act


def talked_over(before_ms: int, after_ms: int) -> Act:
    """The caller speaks up, falls silent, and what was being generated ends."""

    def act(harness: Harness) -> None:
        harness.run(harness.at_ns / build.MS + before_ms)
        harness.model(build.speech_started(0))
        harness.run(harness.at_ns / build.MS + after_ms)
        harness.model(build.speech_stopped(500))
        harness.model(
            *(build.response_done(each.response_id, "cancelled") for each in harness.call.conversation.generating())
        )

    return act


acts: st.SearchStrategy[Act] = st.one_of(
    st.builds(answer, st.integers(1, 3_000), st.booleans()),
    st.builds(answer, st.integers(1, 3_000), st.booleans()),
    st.builds(talked_over, st.integers(0, 1_500), st.integers(0, 800)),
    st.builds(talked_over, st.integers(0, 1_500), st.integers(0, 800)),
    st.integers(0, 700).map(lambda ms: lambda harness: harness.run(harness.at_ns / build.MS + ms)),
    st.integers(0, 700).map(lambda ms: lambda harness: harness.wait(harness.at_ns / build.MS + ms)),
    st.integers(0, 60).map(echo_of),
    model(build.response_created, responses),
    model(build.response_item_added, items, responses),
    model(build.item_added, items, st.none() | items),
    model(build.item_audio, lengths_ms, items, responses),
    model(build.item_audio, lengths_ms, items, responses),
    model(build.item_words, st.sampled_from(["One ", "two."]), items, responses, st.booleans()),
    model(build.item_done, items, responses),
    model(build.response_done, responses, st.sampled_from(["completed", "cancelled", "failed"])),
    model(build.speech_started, inputs_ms, st.sampled_from(["item_u1", "item_u2"])),
    model(build.speech_stopped, inputs_ms, st.sampled_from(["item_u1", "item_u2"])),
    model(build.truncated, items),
    model(build.deleted, items),
    model(build.session_updated),
    model(lambda number: build.model_error("invalid_value", event_id=f"truncate-{number}"), st.integers(1, 3)),
    st.just(lambda harness: harness.caller(build.dtmf())),
    st.just(lambda harness: harness.engine(build.timer_due())),
    st.just(lambda harness: harness.engine(build.operator_interrupt())),
    st.integers(0, 200).map(lambda ms: lambda harness: harness.caller(build.media(ms))),
)
calls = st.lists(acts, max_size=15)


def played(acts: list[Act], delay_ms: int) -> Harness:
    harness = in_call(QUICK, delay_ms=delay_ms)
    for act in acts:
        act(harness)
    return harness


@settings(max_examples=150)
@given(acts=calls, delay_ms=st.sampled_from([0, 40, 250]))
def test_whatever_order_things_come_in_the_ledgers_add_up(acts: list[Act], delay_ms: int) -> None:
    """And what is sent obeys the vendors: no name twice, no truncate at 0 or beyond the item, none longer than before,
    nothing about an item that was deleted, no audio of an item that was cut."""
    harness = played(acts, delay_ms)
    names: set[str] = set()
    cut_ms: dict[str, int] = {}
    for each in harness.sent:
        command = each.command
        assert not isinstance(command, commands.Fault), command
        match command:
            case commands.PlaceMark():
                assert command.name not in names
                names.add(command.name)
            case commands.TruncateItem():
                item = harness.call.conversation.items[command.item_id]
                assert 0 < command.audio_end_ms < cut_ms.get(item.item_id, item.generated_ms() + 1)
                cut_ms[item.item_id] = command.audio_end_ms
            case commands.DeleteItem():
                assert cut_ms.get(command.item_id) != 0
                cut_ms[command.item_id] = 0


@settings(max_examples=60)
@given(acts=calls)
def test_the_same_inputs_give_the_same_commands(acts: list[Act]) -> None:
    """Replay is live: the log's inputs, stepped again, give the log's commands, and the same report."""
    harness = played(acts, 40)
    again = Call(QUICK)
    rows: list[Entry] = []
    for entry in harness.entries:
        if entry.kind == "input":
            step = again.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
            rows += [entry, *record(step.commands, entry.seq + 1, entry.at_ns, entry.seq)]
    assert rows == harness.entries
    assert report(again) == report(harness.call)


@settings(max_examples=60)
@given(acts=calls, at=st.integers(0, 15))
def test_every_report_is_sound_at_any_moment(acts: list[Act], at: int) -> None:
    harness = played(acts[:at], 40)
    harness.engine(build.operator_hang_up())
    for turn in report(harness.call).turns:
        assert turn.generated_text.startswith(turn.heard_text)
        assert 0 <= turn.heard_min_ms <= turn.heard_ms <= turn.heard_max_ms <= turn.generated_ms
        assert 0 <= turn.heard_words_min <= turn.heard_words <= turn.heard_words_max <= len(turn.words)
        assert turn.heard_text.split() == [word.text for word in turn.words[: turn.heard_words]]
        times = [(word.from_ms, word.to_ms) for word in turn.words]
        heard = [at for span in times[: turn.heard_words] for at in span if at is not None]
        assert (len(heard), heard) == (2 * turn.heard_words, sorted(heard))
        assert all(end is None for _, end in times[turn.heard_words :])


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 5_000), min_size=1, max_size=6),
    interrupted_ms=st.integers(0, 3_000),
    delay_ms=st.sampled_from([0, 20, 130, 250]),
)
def test_on_a_calm_line_the_cut_is_where_the_ear_was(sizes: list[int], interrupted_ms: int, delay_ms: int) -> None:
    """Against an ear that knows: one answer in pieces of any size, interrupted at any moment."""
    harness = in_call(delay_ms=delay_ms)
    harness.model(build.response_created(), build.response_item_added(), build.item_added())
    harness.model(*(build.item_audio(size / 8) for size in sizes), *build.reply_done())
    begun = harness.at_ns // build.NS_PER_SAMPLE + harness.ear.delay
    harness.run(100 + interrupted_ms)
    harness.take()
    harness.model(build.speech_started(0))
    cleared = harness.at_ns // build.NS_PER_SAMPLE + harness.ear.delay
    harness.run(100 + interrupted_ms + 1_200)
    truth_ms = min(sum(sizes), max(0, cleared - begun)) / 8
    (item,) = (item for item in harness.call.conversation.order if item.role == "assistant")
    assert abs(item.heard_samples / 8 - truth_ms) <= 20
    least, most = item.proven_samples + item.tail_low, item.proven_samples + item.tail_high
    assert least / 8 - 20 <= truth_ms <= most / 8 + 20


@given(text=st.text(max_size=60), leg=st.sampled_from(["caller", "model"]))
def test_what_is_not_cut_is_kept(text: str, leg: Leg) -> None:
    body, audio = split(leg, text)
    assert audio is not None or body == text
