"""What a call comes to, as data: the turns and the interruptions, for people and for `--json`.

All `*_ms` of turns and interruptions are stream_ms (Twilio's clock of the caller's audio) unless their name says
otherwise.
"""

from typing import Literal

import msgspec

from engine.core.audio import ms_of, samples_of
from engine.core.barge_in import Interruption
from engine.core.conversation import Item, Repair
from engine.core.heard import Part, Partial, Word
from engine.core.model_leg import Absence
from engine.core.overheard import AnyCall
from engine.core.words import Words, heard_at


class SpokenWord(msgspec.Struct, frozen=True):
    """A word of an item, and its place in the item's audio. `from_ms`, `to_ms`: when the caller heard its beginning and
    its end; None for what was not heard. `parts`: the spoken words of one that is read as several."""

    text: str
    start_ms: int
    end_ms: int
    from_ms: int | None
    to_ms: int | None
    parts: list[Part] = []


class Turn(msgspec.Struct, frozen=True):
    """A stretch of speech by one party. An assistant turn is one item.

    `heard_text` is what the caller got of `generated_text`, in whole words. `method`, `confidence`: how the times of
    the words were found, and how well that went (see `heard.Alignment`). `heard_words` counts the words of
    `heard_text`; the least and the most are those at `heard_min_ms` and `heard_max_ms`. `partial`: the word after them,
    where some of it was heard that stands for itself. Of a caller, who hears himself, all this is neutral.
    """

    speaker: Literal["caller", "assistant"]
    item_id: str
    response_id: str | None
    start_ms: int | None
    end_ms: int | None
    generated_text: str
    heard_text: str
    generated_ms: int
    heard_ms: int
    heard_min_ms: int
    heard_max_ms: int
    interrupted: bool
    method: str
    confidence: float = 0.0
    heard_words: int = 0
    heard_words_min: int = 0
    heard_words_max: int = 0
    partial: Partial | None = None
    words: list[SpokenWord] = []


class InterruptedItem(msgspec.Struct, frozen=True):
    """What became of one item at an interruption."""

    item_id: str
    heard_ms: int
    action: Literal["truncate", "delete", "none"]
    audio_end_ms: int | None
    outcome: Literal["ok", "error", "pending"]


class Interrupted(msgspec.Struct, frozen=True):
    """One barge-in, by voice, by key or by an operator."""

    at_ms: int
    caller_onset_ms: int | None
    clear_sent_ms: int
    clear_effective_ms: int | None
    items: list[InterruptedItem]


class ModelAway(msgspec.Struct, frozen=True):
    """A time in which the model leg was lost, as entry `seq` says. `to_ms`: when a new session was ready; None if none
    was. `dials` were made for it, and it was told of so many items (`restored`)."""

    seq: int
    from_ms: int
    to_ms: int | None
    reason: str
    dials: int
    restored: int


class Report(msgspec.Struct, frozen=True):
    """The whole call."""

    call_sid: str | None
    stream_sid: str | None
    ended: str | None
    reason: str
    duration_ms: int
    turns: list[Turn]
    interruptions: list[Interrupted]
    malformed: int
    errors: list[str]
    underruns: int = 0
    """Times that the caller waited in the middle of an item because no more of it had come."""
    dropped_ms: int = 0
    """Of the caller's audio before the model was ready: more than `pending_audio_ms_max` is not kept."""
    model_away: list[ModelAway] = []


def report(call: AnyCall, *, search_now: bool = True) -> Report:
    """What `call` has come to, so far or at its end. Words that are not known yet are looked for, which takes its time,
    unless `search_now` is false."""
    return Report(
        call_sid=call.call_sid,
        stream_sid=call.stream_sid,
        ended=call.how_ended,
        reason=call.why_ended,
        duration_ms=call.at_ns // 1_000_000,
        turns=[turn_of(item, call.words, search_now=search_now) for item in call.conversation.order if was_said(item)],
        interruptions=[interrupted(each) for each in call.barge_in.interruptions],
        malformed=sum(call.malformed.values()),
        errors=call.errors,
        underruns=call.hearing.underruns,
        dropped_ms=ms_of(call.session.dropped_samples),
        model_away=[away_of(each) for each in call.absences],
    )


def away_of(each: Absence) -> ModelAway:
    """An absence, for people."""
    return ModelAway(each.seq, ms_of(each.lost_at), _ms(each.back_at), each.reason, each.dials, each.restored)


def was_said(item: Item) -> bool:
    """Whether an item is a turn."""
    if item.role == "user":
        return not item.is_resent and (item.started_at is not None or bool(item.transcript))
    return item.is_speech and bool(item.generated_samples or item.transcript)


def _ms(at: int | None) -> int | None:
    return None if at is None else ms_of(at)


def turn_of(item: Item, words: Words, *, search_now: bool = True) -> Turn:
    """An item as a turn. Words that are not known yet are looked for, which takes its time, unless `search_now` is
    false."""
    if item.role == "user":
        said = item.transcript.strip()
        return Turn(
            "caller", item.item_id, None, _ms(item.started_at), _ms(item.ended_at), said, said, 0, 0, 0, 0, False, ""
        )
    alignment = words.alignment_of(item, search_now=search_now)
    heard, least, most = (
        heard_at(item, alignment, samples)
        for samples in (item.heard_samples, item.heard_samples_min, item.heard_samples_max)
    )
    return Turn(
        speaker="assistant",
        item_id=item.item_id,
        response_id=item.response_id,
        start_ms=_ms(item.started_at),
        end_ms=_ms(item.ended_at),
        generated_text=item.transcript,
        heard_text=heard.text,
        generated_ms=item.generated_ms(),
        heard_ms=item.heard_ms(),
        heard_min_ms=min(ms_of(item.heard_samples_min), item.heard_ms()),
        heard_max_ms=min(ms_of(item.heard_samples_max), item.generated_ms()),
        interrupted=item.was_interrupted,
        method=heard.method,
        confidence=heard.confidence,
        heard_words=heard.words,
        heard_words_min=least.words,
        heard_words_max=most.words,
        partial=heard.partial,
        words=[_spoken_word(item, word, number - heard.words) for number, word in enumerate(alignment.words)],
    )


def _spoken_word(item: Item, word: Word, beyond: int) -> SpokenWord:
    """A word that is so many behind the last one heard. Of the very next, the beginning may have been heard."""
    begin, end = (min(samples_of(ms), item.heard_samples) for ms in (word.start_ms, word.end_ms))
    was_heard = beyond < 0
    was_begun = was_heard or (beyond == 0 and begin < end)
    from_ms = ms_of(item.ear_at(begin, is_end=begin == end)) if was_begun else None
    to_ms = ms_of(item.ear_at(end, is_end=True)) if was_heard else None
    return SpokenWord(word.text, word.start_ms, word.end_ms, from_ms, to_ms, word.parts)


def interrupted(each: Interruption) -> Interrupted:
    """What came of one interruption."""
    flush = each.playout.flush
    assert flush is not None
    cut = [item for response in each.responses for item in response.items if item.is_speech]
    return Interrupted(
        at_ms=ms_of(each.at),
        caller_onset_ms=_ms(each.onset_at),
        clear_sent_ms=ms_of(flush.sent_at),
        clear_effective_ms=_ms(each.effective_at),
        items=[_interrupted_item(item) for item in dict.fromkeys([*each.items, *cut])],
    )


def _interrupted_item(item: Item) -> InterruptedItem:
    repair = item.repair or Repair("none")
    return InterruptedItem(item.item_id, item.heard_ms(), repair.action, repair.audio_end_ms, repair.outcome)
