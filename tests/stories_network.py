"""Stories of what the network, the generation and Twilio's echoes do to what can be known."""

from itertools import pairwise

import msgspec

from engine.core.settings import CallSettings, Limits
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.playback import EchoFaults
from engine.sim.truth import underruns
from tests.stories_told import (
    CALLER_LINE,
    EXACT_MS,
    FIRST,
    SECOND,
    STALLED_MS,
    Stories,
    Told,
    call,
    hangs_up,
    interrupts,
    over,
    says,
    tells,
)

STORIES: Stories = {}

LONG, LONGER = says(0, 3_000), says(0, 4_000)
ANSWER = says(1, 500, "Good.")
CUES = (interrupts(0, 1_200), hangs_up(1, 500))
FAR = LinkPlan(base_ms=120)
ROUGH = LinkPlan(base_ms=150, jitter_ms=150)
STALLED = LinkPlan(base_ms=40, stalls=((1_200, 3_200),))
"""Two seconds, of which the caller notices nothing: all that is to be played is at Twilio already."""
IMPATIENT = CallSettings(instructions="You sell bread.", greeting="Greet the caller.", limits=Limits(settle_ms=200))
EVERY = frozenset(range(400))


def echoing(**faults: object) -> EdgePlan:
    """The usual caller, at an edge whose echoes go wrong."""
    return EdgePlan(cues=CUES, echoes=msgspec.structs.replace(EchoFaults(), **faults))


@tells(STORIES, call(LONGER, ANSWER, cues=CUES, caller_in=STALLED))
def what_twilio_sends_is_stuck_for_two_seconds_while_it_plays(told: Told) -> None:
    """The caller's first word arrives two seconds late, with all the echoes: they are dated by Twilio's clock, so the
    position is right when the clear gets there, late as it is."""
    told.is_interrupted(times=1)
    told.truncates(FIRST, within_ms=STALLED_MS)
    assert told.turn(FIRST).heard_ms > 1_200 + 1_000
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONGER, ANSWER, cues=CUES, caller_out=msgspec.structs.replace(STALLED, stalls=((1_500, 3_500),))))
def the_clear_is_stuck_for_two_seconds_while_twilio_plays(told: Told) -> None:
    """Echoes that come after the clear was sent show that it has not arrived, so the item is not cut before it has."""
    told.is_interrupted(times=1)
    told.truncates(FIRST, within_ms=STALLED_MS)
    assert told.turn(FIRST).heard_ms > 1_200 + 1_000
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(says(0, 2_500, speed=0.6), ANSWER, cues=(interrupts(0, 1_010), hangs_up(1, 500))))
def generation_is_slower_than_playback(told: Told) -> None:
    """The caller waits in the middle of the item, again and again; the ear is never thought to be further than what
    was sent."""
    assert len(underruns(told.outcome)) >= 3
    told.is_interrupted(times=1)
    told.truncates(FIRST, within_ms=STALLED_MS)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, over(FAR, call(LONG, ANSWER, cues=CUES)))
def marks_that_the_clear_flushed_do_not_count(told: Told) -> None:
    """Twilio sends back the marks of all that it threw away, looking just like those of what was played."""
    told.is_interrupted(times=1)
    flushed = told.outcome.edge.clears[0].flushed
    assert len(flushed) >= 10
    came = [name for name in flushed if any(f'"{name}"' in entry.body for entry in told.inputs("mark"))]
    assert came == list(flushed)
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONG, ANSWER, edge=echoing(doubled=EVERY)))
def every_mark_comes_back_twice(told: Told) -> None:
    """The second echo of a mark proves nothing."""
    told.is_interrupted(times=1)
    assert len(told.inputs("mark")) >= 2 * len(told.commands("mark")) - 4
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONG, ANSWER, edge=echoing(lost=frozenset(mark for mark in EVERY if mark % 3))))
def most_marks_never_come_back(told: Told) -> None:
    """An echo also stands for the lost ones before it."""
    told.is_interrupted(times=1)
    assert len(told.inputs("mark")) < len(told.commands("mark")) / 2
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONG, ANSWER, edge=echoing(loses_sentinels=True)))
def the_sentinel_of_the_clear_never_comes_back(told: Told) -> None:
    """What else came back says as much, once there has been time for the sentinel."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    assert not any("sentinel" in entry.body for entry in told.inputs("mark"))
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONG, ANSWER, edge=echoing(lost=EVERY - set(range(14)))))
def nothing_comes_back_after_the_clear(told: Told) -> None:
    """Then the clear is taken to have had an ordinary journey, and the bounds say that this is an estimate."""
    told.is_interrupted(times=1)
    clear = told.commands("clear")[0]
    assert [entry for entry in told.inputs("mark") if entry.seq > clear.seq] == []
    told.truncates(FIRST)
    turn = told.turn(FIRST)
    assert turn.heard_max_ms - turn.heard_min_ms > EXACT_MS
    told.ends("stop")


@tells(STORIES, over(ROUGH, call(LONG, ANSWER, cues=CUES, settings=IMPATIENT)), seed=1)
def a_late_proof_shortens_what_was_estimated(told: Told) -> None:
    """On a slow, jittery line the engine must guess before the echoes are back; it leans to "heard", and cuts again
    when they are."""
    told.is_interrupted(times=1)
    first, second = (
        msgspec.json.decode(entry.body)["audio_end_ms"] for entry in told.commands("conversation.item.truncate")
    )
    assert second < first
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(LONG, ANSWER, edge=EdgePlan(cues=CUES, silence_kept_ms=600), caller_in=CALLER_LINE))
def twilio_omits_frames_of_silence(told: Told) -> None:
    """Timestamps jump and no frames date the echoes for a while; the position is right all the same."""
    told.is_interrupted(times=1)
    frames = [msgspec.json.decode(entry.body)["media"]["timestamp"] for entry in told.inputs("media")]
    gaps = [int(later) - int(earlier) for earlier, later in pairwise(frames)]
    assert max(gaps) > 500
    told.truncates(FIRST)
    onset_ms = told.report.interruptions[0].caller_onset_ms
    spoke_ms = next(int(frame) for frame, gap in zip(frames[1:], gaps, strict=True) if gap > 500)
    assert onset_ms is not None
    assert abs(onset_ms - spoke_ms) <= EXACT_MS
    told.leaves(SECOND)
    told.ends("stop")
