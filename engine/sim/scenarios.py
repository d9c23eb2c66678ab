"""Calls by the thousand: a number gives a scenario, and between them they cover what happens on the phone.

Drawn for each call: the network (20 to 250 ms each way, up to 200 ms of jitter), the model (half to twenty times real
time, deltas of all sizes, one to three items a reply, a greeting or none, late deltas), and a conversation of two to
four turns. The caller speaks again when a certain place of the reply was played (`MOMENTS`). In some calls something
is unusual besides (`CONDITIONS`).

Items are rulers, so what was heard is exact to the sample.
"""

from random import Random

import msgspec

from engine.core.audio import SAMPLES_PER_MS, SILENCE
from engine.core.settings import CallSettings, Vad
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan
from engine.sim.playback import EchoFaults
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Scenario

LOUD = b"\x10\x90" * (SAMPLES_PER_MS // 2)
"""A millisecond of something that no VAD takes for silence."""
QUIET = bytes([SILENCE]) * SAMPLES_PER_MS
MOMENTS = ("middle", "early", "late", "twice", "before audio", "key", "after all")
"""When the caller speaks again: anywhere in an item; in the first 200 ms of the reply; in its last 150 ms; anywhere,
and again as the next reply comes, or before it has any audio; anywhere, with a key first; when all was heard."""
CONDITIONS = ("stall", "underrun", "echoes", "omitted silence", "beta names", "client cancels")
"""What can be unusual: a network that stalls; a generation that stalls or is slower than playing; echoes that are lost,
doubled or late; silent frames left out; the old event names; a server that leaves cancelling to its client."""
_WORDS = ("we", "have", "fresh", "bread", "and", "two", "kinds", "of", "cake", "today", "what", "would", "you", "like")


class _Turn(msgspec.Struct):
    """A reply, and when the caller speaks after it."""

    numbers: list[int]
    lengths_ms: list[int]
    moment: str


def speech(*ms: int) -> bytes:
    """A caller who speaks, pauses, speaks ...: lengths in turn."""
    return b"".join((LOUD if index % 2 == 0 else QUIET) * length for index, length in enumerate(ms))


def random_scenario(seed: int) -> Scenario:
    """Scenario number `seed`."""
    random = Random(seed)
    conditions = frozenset(name for name in CONDITIONS if random.random() < 0.09)
    greeted = random.random() < 0.4
    turns = _turns(random)
    silence_ms = random.choice((200, 500, 500, 700))
    vad = Vad(silence_duration_ms=silence_ms, interrupt_response="client cancels" not in conditions)
    replies = _replies(random, turns, "underrun" in conditions)
    cues = _cues(random, turns, greeted, silence_ms)
    ends_ms = 6_000 + sum(sum(turn.lengths_ms) + 4_000 for turn in turns)
    caller_in, caller_out, model_in, model_out = _network(random, ends_ms if "stall" in conditions else None)
    return Scenario(
        name=f"random-{seed}",
        edge=EdgePlan(
            cues=cues,
            silence_kept_ms=silence_ms + 300 if "omitted silence" in conditions else None,
            echoes=_echo_faults(random) if "echoes" in conditions else EchoFaults(),
        ),
        model=ModelPlan(replies=replies, caller_words=("Hello.",) * 8, beta_names="beta names" in conditions),
        settings=CallSettings(vad=vad, greeting="Greet the caller." if greeted else None),
        caller_in=caller_in,
        caller_out=caller_out,
        model_in=model_in,
        model_out=model_out,
        ends_ms=ends_ms,
        conditions=conditions,
    )


def _turns(random: Random) -> list[_Turn]:
    turns, number = [], 0
    for _ in range(random.randint(1, 3)):
        moment = random.choice(MOMENTS)
        count = random.choice((1, 1, 1, 2, 2, 3))
        lengths_ms = [random.randint(300, 4_000) for _ in range(count)]
        if random.random() < 0.12:
            lengths_ms[random.randrange(count)] = random.randint(8_000, 12_000)
        turns.append(_Turn(list(range(number, number + count)), lengths_ms, moment))
        number += count
        if moment in ("twice", "before audio"):
            # The caller cuts the next reply off before it gets anywhere; nobody waits for its end.
            turns.append(_Turn([number], [random.randint(1_000, 3_000)], "never"))
            number += 1
    turns.append(_Turn([number], [random.randint(500, 2_000)], "never"))
    return turns


def _replies(random: Random, turns: list[_Turn], runs_dry: bool) -> tuple[Reply, ...]:
    replies = []
    for turn in turns:
        items = tuple(
            ReplyItem(_text(random, ms), ruler(number, ms))
            for number, ms in zip(turn.numbers, turn.lengths_ms, strict=True)
        )
        stalls = runs_dry and random.random() < 0.5
        replies.append(
            Reply(
                items=items,
                speed=random.uniform(0.5, 1.2) if runs_dry and not stalls else 2 * 10 ** random.random(),
                latency_ms=random.randint(150, 900),
                text_lead_ms=random.randint(0, 150),
                delta_samples=_delta_samples(random),
                stall_at_ms=random.randrange(sum(turn.lengths_ms)) if stalls else None,
                stall_ms=random.randint(300, 2_500) if stalls else 0,
                late_deltas=random.choice((0, 0, 1, 3)),
                late_every_ms=random.choice((1, 15, 60)),
            )
        )
    return tuple(replies)


def _delta_samples(random: Random) -> tuple[int, ...]:
    if random.random() < 0.3:
        return tuple(random.randint(100, 4_000) for _ in range(7))
    return (random.choice((400, 1_600, 2_000, 2_000, 3_200)),)


def _text(random: Random, ms: int) -> str:
    """About three words a second."""
    return " ".join(random.choice(_WORDS) for _ in range(1 + ms * 3 // 1_000)).capitalize() + "."


def _cues(random: Random, turns: list[_Turn], greeted: bool, silence_ms: int) -> tuple[Cue, ...]:
    cues = [] if greeted else [Cue(random.randint(700, 1_500), audio=speech(random.randint(300, 900)))]
    for turn in turns:
        cues += _cues_of(random, turn, silence_ms)
    last = turns[-1]
    cues.append(Cue(1_500, after=place(last.numbers[-1], last.lengths_ms[-1]), hang_up=True))
    return tuple(cues)


def _cues_of(random: Random, turn: _Turn, silence_ms: int) -> list[Cue]:
    """What the caller does about one reply."""
    said_ms = random.randint(200, 900)
    item = random.randrange(len(turn.numbers))
    here = place(turn.numbers[item], random.randint(1, turn.lengths_ms[item]))
    start = place(turn.numbers[0], 1)
    end = place(turn.numbers[-1], turn.lengths_ms[-1])
    before_end = place(turn.numbers[-1], max(1, turn.lengths_ms[-1] - random.randint(1, 150)))
    match turn.moment:
        case "middle":
            return [Cue(0, after=here, audio=speech(said_ms))]
        case "early":
            return [Cue(random.randint(0, 200), after=start, audio=speech(said_ms))]
        case "late":
            return [Cue(0, after=before_end, audio=speech(said_ms))]
        case "twice":
            # The pause ends the turn and leaves the next reply the time to begin.
            pause_ms = silence_ms + random.randint(800, 2_500)
            return [Cue(0, after=here, audio=speech(said_ms, pause_ms, 400))]
        case "before audio":
            pause_ms = silence_ms + random.randint(40, 250)
            return [Cue(0, after=here, audio=speech(said_ms, pause_ms, 400))]
        case "key":
            return [Cue(0, after=here, digit="5"), Cue(random.randint(300, 2_000), after=here, audio=speech(said_ms))]
        case "after all":
            return [Cue(random.randint(50, 1_500), after=end, audio=speech(said_ms))]
    return []


def _network(random: Random, stalls_until_ms: int | None) -> list[LinkPlan]:
    jitter_ms = random.choice((0.0, random.uniform(0, 50), random.uniform(0, 200)))
    plans = [LinkPlan(random.uniform(20, 250), jitter_ms) for _ in range(2)]
    plans += [LinkPlan(random.uniform(20, 120), jitter_ms / 4) for _ in range(2)]
    if stalls_until_ms is not None:
        stalled = random.randrange(4)
        begins_ms = random.randrange(2_000, stalls_until_ms // 2)
        stall = (begins_ms, begins_ms + random.randint(300, 2_500))
        plans[stalled] = msgspec.structs.replace(plans[stalled], stalls=(stall,))
    return plans


def _echo_faults(random: Random) -> EchoFaults:
    share = random.choice((0.0, 0.1, 0.4))
    return EchoFaults(
        delay_ms=random.choice((0, 0, random.randint(1, 150))),
        lost=frozenset(mark for mark in range(600) if random.random() < share),
        doubled=frozenset(mark for mark in range(600) if random.random() < 0.1),
        loses_sentinels=random.random() < 0.5,
    )
