"""Replaying one log: what is the same, what is not, where exactly, and what cannot be told.

The checker itself is what is tested hardest here. A replay that passes a log that it should fail is worse than none, so
each command of the bakery call is spoilt in every way that a log could be.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from engine.core import Call, Entry, wire_engine
from engine.core.events import ItemAligned
from engine.log.errors import LogDamagedError, LogError
from engine.log.reader import Row
from replay.rows import Log
from replay.runner import Counts, Result, replay
from tests.replay_calls import HEAD, SETTINGS, bakery, log_of, renumbered

BAKERY = bakery()
COMMANDS = [entry for entry in BAKERY if entry.kind == "command"]
ONE_OF_EACH = list({entry.type: entry for entry in COMMANDS}.values())
ANSWER = next(entry for entry in BAKERY if entry.type == "item.aligned")
TRUNCATE = next(entry for entry in COMMANDS if entry.type == "conversation.item.truncate")


def replayed(entries: list[Entry]) -> Result:
    return replay(log_of(entries))


def changed(seq: int, change: Callable[[Entry], Entry]) -> list[Entry]:
    return [change(entry) if entry.seq == seq else entry for entry in BAKERY]


def test_the_same_commands_are_the_same() -> None:
    result = replayed(BAKERY)
    assert (result.verdict, result.reason) == ("same", "every command is the one that was recorded")
    assert (result.divergence, result.cut, result.ended) == (None, False, "stop")
    assert result.counts == Counts(entries=213, inputs=107, commands=106, faults=0, malformed=0)


def test_a_log_cut_anywhere_is_the_same_to_its_last_entry() -> None:
    """Also between an input and its commands, and before the first entry."""
    for length in range(len(BAKERY)):
        result = replayed(BAKERY[:length])
        assert (result.verdict, result.cut, result.ended) == ("same", True, "crashed")
        assert result.reason == f"the log ends here, at entry {length}: no end of call"
        assert result.counts.entries == length


@pytest.mark.parametrize("entry", ONE_OF_EACH, ids=lambda entry: entry.type)
class TestASpoiltCommandIsFoundWhereItStands:
    """A command of each type (its last), in each of the ways."""

    def test_another_body(self, entry: Entry) -> None:
        spoilt = replace(entry, body=entry.body.replace('"type"', '"typ"').replace('"event"', '"evnt"'))
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_another_time(self, entry: Entry) -> None:
        spoilt = replace(entry, at_ns=entry.at_ns + 1)
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_another_cause(self, entry: Entry) -> None:
        assert entry.cause is not None
        spoilt = replace(entry, cause=entry.cause - 1)
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_another_stretch_of_audio(self, entry: Entry) -> None:
        spoilt = replace(entry, audio_from=1, audio_to=2)
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_another_leg(self, entry: Entry) -> None:
        spoilt = replace(entry, leg="caller" if entry.leg != "caller" else "model")
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_a_fault_instead(self, entry: Entry) -> None:
        spoilt = replace(entry, kind="fault")
        assert self.found(changed(entry.seq, lambda _: spoilt), entry) == (spoilt, entry)

    def test_one_too_many(self, entry: Entry) -> None:
        """The command is there twice: the second one is what nothing asked for, or what stands for the next."""
        at = entry.seq
        divergence = replayed(renumbered([*BAKERY[:at], replace(entry, seq=-1), *BAKERY[at:]])).divergence
        assert divergence is not None
        assert (divergence.seq, divergence.recorded) == (at + 1, replace(entry, seq=at + 1))
        following = BAKERY[at] if at < len(BAKERY) else None
        asked = following if following is not None and following.kind == "command" else None
        assert divergence.replayed == asked

    def test_one_too_few(self, entry: Entry) -> None:
        log = renumbered([other for other in BAKERY if other is not entry])
        if entry is BAKERY[-1]:
            assert replayed(log).cut
            return
        following = log[entry.seq - 1]
        recorded = None if following.kind == "input" else following
        assert self.found(log, entry) == (recorded, entry)

    def test_a_hole_where_it_was(self, entry: Entry) -> None:
        if entry is not BAKERY[-1]:
            assert self.found([other for other in BAKERY if other is not entry], entry) == (None, entry)

    def found(self, entries: list[Entry], at: Entry) -> tuple[Entry | None, Entry | None]:
        """Recorded and replayed, seen to be at the right entry and to name the input that was being decided."""
        result = replayed(entries)
        assert result.verdict == "diverged"
        older = at.type == "align_item" and result.divergence is not None and result.divergence.recorded is None
        hint = ": it may be older than the search for words (CHANGELOG.md, Log format)" if older else ""
        assert result.reason == f"recorded and replayed part at entry {at.seq}{hint}"
        divergence = result.divergence
        assert divergence is not None
        assert (divergence.seq, divergence.at_ns) == (at.seq, at.at_ns)
        assert divergence.cause == max(
            (entry for entry in BAKERY[: at.seq] if entry.kind == "input"), key=lambda entry: entry.seq
        )
        return divergence.recorded, divergence.replayed


def test_two_commands_in_the_other_order_part_at_the_first() -> None:
    at = next(entry.seq for entry in COMMANDS if entry.type == "clear")
    clear, sentinel = BAKERY[at - 1 : at + 1]
    swapped = [*BAKERY[: at - 1], replace(sentinel, seq=at), replace(clear, seq=at + 1), *BAKERY[at + 1 :]]
    divergence = replayed(swapped).divergence
    assert divergence is not None
    assert (divergence.seq, divergence.recorded, divergence.replayed) == (at, replace(sentinel, seq=at), clear)


def test_an_input_that_is_read_as_another_type_is_a_divergence() -> None:
    """The core's decoders are replayed too."""
    echo = next(entry for entry in BAKERY if entry.kind == "input" and entry.type == "mark")
    spoilt = replace(echo, type="dtmf")
    divergence = replayed(changed(echo.seq, lambda _: spoilt)).divergence
    assert divergence is not None
    assert (divergence.seq, divergence.recorded, divergence.replayed) == (echo.seq, spoilt, echo)


def test_an_answer_that_a_search_does_not_give_is_a_divergence() -> None:
    """One number of it. The rest of the call is then told by what the search gives now."""
    spoilt = answered(confidence=0.125)
    result = replayed(changed(ANSWER.seq, lambda _: spoilt))
    assert (result.verdict, result.reason) == ("diverged", f"recorded and replayed part at entry {ANSWER.seq}")
    divergence = result.divergence
    assert divergence is not None
    assert (divergence.recorded, divergence.replayed, divergence.cause) == (spoilt, ANSWER, spoilt)
    whole = replayed(BAKERY)
    assert (result.report, result.counts) == (whole.report, whole.counts)


def test_after_a_divergence_searches_are_still_done_again() -> None:
    truncate = replace(TRUNCATE, body=TRUNCATE.body.replace(":520", ":400"))
    spoilt = {TRUNCATE.seq: truncate, ANSWER.seq: answered(confidence=0.125)}
    result = replayed([spoilt.get(entry.seq, entry) for entry in BAKERY])
    assert result.divergence is not None
    assert (result.divergence.seq, result.report) == (TRUNCATE.seq, replayed(BAKERY).report)


def test_an_answer_to_no_search_is_for_the_core_to_ignore() -> None:
    again = replace(answered(confidence=0.125), seq=-1)
    result = replayed(renumbered([*BAKERY[: ANSWER.seq], again, *BAKERY[ANSWER.seq :]]))
    assert (result.verdict, result.report) == ("same", replayed(BAKERY).report)


def test_an_answer_that_is_no_json_is_another_input() -> None:
    spoilt = replace(ANSWER, body="{")
    divergence = replayed(changed(ANSWER.seq, lambda _: spoilt)).divergence
    assert divergence is not None
    assert (divergence.recorded, divergence.replayed) == (spoilt, replace(spoilt, type="malformed"))


def answered(**changes: object) -> Entry:
    """The answer, with changes."""
    event = wire_engine.decode(ANSWER.body)[1]
    assert isinstance(event, ItemAligned)
    return replace(ANSWER, body=wire_engine.aligned(event.item_id, replace(event.alignment, **changes)))


def test_a_command_before_any_input_is_a_divergence() -> None:
    command = replace(COMMANDS[0], seq=1)
    divergence = replayed([command]).divergence
    assert divergence is not None
    assert (divergence.recorded, divergence.replayed, divergence.cause) == (command, None, None)


def test_after_a_divergence_the_rest_of_the_call_is_still_reported() -> None:
    spoilt = replace(TRUNCATE, body=TRUNCATE.body.replace(":520", ":400"))
    result = replayed(changed(TRUNCATE.seq, lambda _: spoilt))
    whole = replayed(BAKERY)
    assert (result.verdict, result.cut, result.ended) == ("diverged", False, "stop")
    assert (result.report, result.counts) == (whole.report, whole.counts)


def test_the_recorded_end_is_told_even_when_it_is_what_differs() -> None:
    end = BAKERY[-1]
    result = replayed(changed(end.seq, lambda entry: replace(entry, body='{"type":"end_call","ended":"hangup"}')))
    assert (result.verdict, result.ended) == ("diverged", "hangup")
    result = replayed(changed(end.seq, lambda entry: replace(entry, body="?")))
    assert (result.verdict, result.cut, result.ended) == ("diverged", False, None)


def test_a_bug_in_the_core_replays_as_the_same_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence is the log: who has it meets the bug at the same entry."""

    def route(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Call, "_live", route)
    entries = bakery()
    fault = next(entry for entry in entries if entry.kind == "fault")
    result = replayed(entries)
    assert (result.verdict, result.ended, result.counts.faults) == ("same", "fault", 1)
    monkeypatch.undo()
    divergence = replayed(entries).divergence
    assert divergence is not None
    assert (divergence.seq, divergence.recorded) == (fault.seq, fault)


def test_a_fault_that_the_core_does_not_meet_is_a_divergence() -> None:
    fault = Entry(214, BAKERY[-1].at_ns, "fault", "engine", "fault", '{"type":"fault","reason":"?"}', cause=212)
    result = replayed([*BAKERY, fault])
    assert (result.verdict, result.counts.faults) == ("diverged", 1)
    assert result.divergence is not None
    assert (result.divergence.recorded, result.divergence.replayed) == (fault, None)


@pytest.mark.parametrize("entry", [BAKERY[0], BAKERY[1], BAKERY[18], BAKERY[-2]], ids=lambda entry: entry.type)
def test_a_missing_input_leaves_the_verdict_open(entry: Entry) -> None:
    result = replayed([other for other in BAKERY if other is not entry])
    assert result.verdict == "unknown"
    assert result.reason == f"entry {entry.seq} should follow, but the next one in the log is entry {entry.seq + 1}"


def test_entries_lost_to_a_full_disk_leave_the_verdict_open() -> None:
    """The log says so itself, with a fault that takes the first lost number."""
    body = '{"type":"log.gap","first":19,"last":22,"reason":"disk full"}'
    gap = Entry(19, BAKERY[18].at_ns, "fault", "engine", "log.gap", body)
    result = replayed([*BAKERY[:18], gap, *BAKERY[22:]])
    assert (result.verdict, result.reason) == ("unknown", f"entries were lost from entry 19 on: {body}")


def test_a_log_that_cannot_be_read_to_its_end_leaves_the_verdict_open() -> None:
    def rows() -> Iterator[Row]:
        yield from log_of(BAKERY[:30]).rows()
        raise LogDamagedError("a.db is damaged: page 7")

    result = replay(Log(Path("a.db"), HEAD, SETTINGS, rows))
    assert (result.verdict, result.reason, result.counts.entries) == ("unknown", "a.db is damaged: page 7", 30)


def test_a_divergence_before_the_damage_stands() -> None:
    spoilt = changed(7, lambda entry: replace(entry, body="{}"))

    def rows() -> Iterator[Row]:
        yield from log_of(spoilt[:30]).rows()
        raise LogDamagedError("a.db is damaged: page 7")

    result = replay(Log(Path("a.db"), HEAD, SETTINGS, rows))
    assert (result.verdict, result.divergence and result.divergence.seq) == ("diverged", 7)


def test_a_file_that_is_spoilt_while_it_is_read_is_not_held_against_the_code() -> None:
    def check() -> None:
        raise LogDamagedError("a.db is damaged: its content does not match the hash in its seal")

    spoilt = msgspec.structs.replace(log_of(BAKERY[:150]), sealed_entries=len(BAKERY), check=check)
    result = replay(spoilt)
    assert (result.verdict, result.reason.partition(": ")[0]) == ("unknown", "a.db is damaged")


def test_rules_of_a_later_version_are_refused() -> None:
    with pytest.raises(LogError, match="recorded under rules 3; this version decides under rules up to 2"):
        replay(log_of(BAKERY, settings=msgspec.structs.replace(SETTINGS, rules=3)))
