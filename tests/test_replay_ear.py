"""The caller's ear, against the edge that knows what it played.

On a line with a constant delay the track must be what was played, to the byte and to the sample, whatever happens
besides. On a line that varies it must be the same sound in the same order, and near where it was.
"""

from itertools import pairwise

import msgspec
import pytest

from engine.core import RULES_OVERHEARD, CallSettings
from engine.core.audio import FRAME_MS, SAMPLES_PER_MS, SILENCE
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.playback import EchoFaults
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Scenario
from engine.sim.scenarios import random_scenario, speech
from engine.sim.truth import HeardRun, heard_runs, underruns
from engine.sim.world import Outcome, run
from replay.rows import Log
from replay.sound.ear import Stretch, hear, stretches, tracks
from tests import build
from tests.build import in_call
from tests.naive_bridge import Bridge, run_naive
from tests.replay_calls import log_of
from tests.stories import STORIES
from tests.stories_told import call, hangs_up, interrupts, says

VARYING = {
    "a_late_proof_shortens_what_was_estimated",
    "a_new_session_is_told_what_the_caller_heard",
    "what_twilio_sends_is_stuck_for_two_seconds_while_it_plays",
}
"""Stories on lines of which the delay is not constant."""
SEEDS = [*range(17), 206, 301, 372, 123, 125, 162, 194, 42, 390, 444]
"""The last are calls in which a sample would be off if a probe were dated as it came, in the middle of one (the first
three); if the last marks that a clear flushed were taken for played, since they would have been in a moment (the next
four); if a pause were not seen before an echo tells of it."""
QUIET = bytes([SILENCE])


def logged(outcome: Outcome) -> Log:
    return log_of(outcome.entries, outcome.scenario.settings)


def constant(scenario: Scenario) -> Scenario:
    """The same over a line to the caller that is always equally slow, at an edge that echoes every mark."""
    steady = {
        name: msgspec.structs.replace(plan, jitter_ms=0.0, stalls=())
        for name, plan in (("caller_in", scenario.caller_in), ("caller_out", scenario.caller_out))
    }
    edge = msgspec.structs.replace(scenario.edge, echoes=EchoFaults())
    return msgspec.structs.replace(scenario, edge=edge, **steady)


def played(outcome: Outcome, samples: int) -> bytes:
    """What the edge played, as a track of that length."""
    track = bytearray(QUIET) * samples
    for piece in outcome.edge.played:
        track[piece.at_samples : piece.at_samples + len(piece.audio)] = piece.audio
    assert len(track) == samples, "more was played than the track is long"
    return bytes(track)


def truth(outcome: Outcome) -> list[HeardRun]:
    return heard_runs(outcome.edge.played, outcome.items)


class TestOnALineWithAConstantDelay:
    @pytest.mark.parametrize("batch", range(3))
    def test_the_track_is_what_was_played_byte_for_byte(self, batch: int) -> None:
        cut = items = 0
        for seed in SEEDS[batch::3]:
            outcome = run(constant(random_scenario(seed)), seed)
            ear = tracks(logged(outcome)).ear
            assert ear == played(outcome, len(ear)), f"seed {seed}"
            cut += sum(bool(clear.unplayed_samples) for clear in outcome.edge.clears)
            items += len({each.item_id for each in truth(outcome)})
        assert (cut >= 5, items >= 20) == (True, True), "the calls should tell of more"

    def test_so_it_is_in_every_story(self) -> None:
        """Barge-ins early and late, key presses, lost and doubled echoes, hang-ups in mid-sentence, legs that drop."""
        for name in STORIES.keys() - VARYING:
            outcome = run(STORIES[name].scenario, STORIES[name].seed)
            ear = tracks(logged(outcome)).ear
            assert ear == played(outcome, len(ear)), name

    def test_what_is_still_played_when_the_call_is_being_ended_was_heard(self) -> None:
        """Under the first rules: the model's leg is gone, the bridge closes the caller's; until that arrives Twilio
        plays on."""
        story = STORIES["the_model_leg_drops_in_mid_sentence"]
        outcome = run(msgspec.structs.replace(story.scenario, settings=CallSettings(greeting="Hello.", rules=1)), 1)
        (heard,) = [each for each in stretches(logged(outcome)) if each.heard]
        told = outcome.call.conversation.items[heard.item_id].heard_samples
        assert heard.end == outcome.edge.played[-1].at_samples + len(outcome.edge.played[-1].audio) - heard.at > told

    def test_a_clear_that_comes_after_the_caller_has_gone_cuts_nothing(self) -> None:
        """He speaks, and hangs up while the clear is on its way."""
        far = LinkPlan(base_ms=250.7)
        goes = Cue(500, after=place(0, 1_000), hang_up=True)
        scenario = call(says(0, 4_000), cues=(interrupts(0, 1_000), goes), caller_in=far, caller_out=far)
        outcome = run(scenario, 1)
        assert [entry.type for entry in outcome.entries if entry.type == "clear"] == ["clear"]
        assert outcome.edge.clears == []
        assert [each for each in stretches(logged(outcome)) if each.heard] == [
            Stretch(each.item_id, each.begin, each.end, each.at_samples, heard=True) for each in merged(truth(outcome))
        ]

    def test_a_pause_is_where_the_next_audio_came_too_late(self) -> None:
        """A line of a quarter second, so that the bridge learns of each pause long after it is over."""
        slow = msgspec.structs.replace(
            call(says(0, 2_500, speed=0.6), cues=(hangs_up(0, 2_400),)),
            caller_in=LinkPlan(base_ms=130.3),
            caller_out=LinkPlan(base_ms=120.9),
        )
        outcome = run(slow, 1)
        found = [
            HeardRun(each.item_id, each.begin, each.end, each.at) for each in stretches(logged(outcome)) if each.heard
        ]
        assert len(underruns(outcome)) >= 5
        assert found == merged(truth(outcome))


def merged(runs: list[HeardRun]) -> list[HeardRun]:
    """Runs that go on where the last one ended as one."""
    made: list[HeardRun] = []
    for each in runs:
        last = made[-1] if made else None
        if last and (last.item_id, last.end, last.at_samples + last.end - last.begin) == (
            each.item_id,
            each.begin,
            each.at_samples,
        ):
            made[-1] = msgspec.structs.replace(last, end=each.end)
        else:
            made.append(each)
    return made


def placed_within_ms(scenario: Scenario) -> float:
    """How far from its place a sample may be: as far as one echo of its run is uncertain. An echo lies between two
    frames, or between two that are further apart. One that the edge holds back tells of a later time."""
    jitter_ms = scenario.caller_in.jitter_ms * (2 if "omitted silence" in scenario.conditions else 1)
    return FRAME_MS + jitter_ms + scenario.edge.echoes.delay_ms


def cut_within_ms(scenario: Scenario) -> float:
    """How far off the place of a cut may be. Where marks are lost, or the line is stuck, it is somewhere between two
    marks, of which the next can be half as far again as they should be."""
    if scenario.conditions & {"stall", "echoes", "underrun"}:
        return scenario.settings.mark_every_ms * 1.5 + FRAME_MS
    return 3 * FRAME_MS + (scenario.caller_in.jitter_ms if "omitted silence" in scenario.conditions else 0)


class TestOnALineThatVaries:
    @pytest.mark.parametrize("batch", range(3))
    def test_it_is_the_same_sound_in_the_same_order_and_near_its_place(self, batch: int) -> None:
        for seed in range(batch * 8, batch * 8 + 8):
            scenario = random_scenario(seed)
            outcome = run(scenario, seed)
            heard = [each for each in stretches(logged(outcome)) if each.heard]
            assert all(before.at + before.end - before.begin <= after.at for before, after in pairwise(heard))
            runs = truth(outcome)
            for item_id in {each.item_id for each in runs} | {each.item_id for each in heard}:
                mine = [each for each in heard if each.item_id == item_id]
                real = [each for each in runs if each.item_id == item_id]
                assert [each.begin for each in mine] == [0, *(each.end for each in mine[:-1])][: len(mine)]
                off_ms = (_end(mine) - _end(real)) / SAMPLES_PER_MS
                assert abs(off_ms) <= cut_within_ms(scenario), f"seed {seed}, {item_id}: cut {off_ms} ms off"
                far_ms = max(map(abs, _errors(mine, real)), default=0) / SAMPLES_PER_MS
                assert far_ms <= placed_within_ms(scenario), f"seed {seed}, {item_id}: {far_ms} ms from its place"


def _end(pieces: list[Stretch] | list[HeardRun]) -> int:
    return max((each.end for each in pieces), default=0)


def _errors(mine: list[Stretch], real: list[HeardRun]) -> list[int]:
    """By how much each part that both have is later than it was."""
    return [
        (stretch.at - stretch.begin) - (run.at_samples - run.begin)
        for stretch in mine
        for run in real
        if max(stretch.begin, run.begin) < min(stretch.end, run.end)
    ]


class TestAnotherBridge:
    """It sends no probe and calls every mark the same, and which item it sends is for its bytes to say."""

    def test_what_was_played_is_found_to_a_sample(self) -> None:
        """Not more exactly: what tells the time of the journey is when a mark was reached, a whole number of samples
        after it began."""
        for seed in range(6):
            outcome = run_naive(constant(random_scenario(seed)), seed, Bridge())
            log = log_of(outcome.entries, CallSettings(rules=RULES_OVERHEARD))
            found = [each for each in stretches(log) if each.heard]
            real = merged(truth(outcome))
            assert [each.item_id for each in found] == [each.item_id for each in real]
            for mine, run_ in zip(found, real, strict=True):
                assert mine.begin == run_.begin
                assert abs(mine.at - run_.at_samples) <= 1, f"seed {seed}"
                assert abs(mine.end - run_.end) <= 1, f"seed {seed}"


class TestTheCaller:
    SAID = speech(500)

    def test_is_where_he_spoke(self) -> None:
        outcome = run(call(cues=(Cue(1_000, audio=self.SAID),), ends_ms=3_000), 1)
        sound = tracks(logged(outcome))
        assert sound.caller == QUIET * 8_000 + self.SAID + QUIET * (3_000 * 8 - 12_000 - 160)
        assert sound.end == 3_000 * 8 - 160, "he hangs up as the last frame would have left"

    def test_is_silent_where_twilio_sent_no_frame(self) -> None:
        edge = EdgePlan(cues=(Cue(1_000, audio=self.SAID),), silence_kept_ms=100)
        outcome = run(call(edge=edge, ends_ms=3_000), 1)
        assert sum(entry.type == "media" and entry.kind == "input" for entry in outcome.entries) == 5 + 25 + 5
        sound = tracks(logged(outcome))
        assert sound.caller == QUIET * 8_000 + self.SAID + QUIET * (100 * 8)


class TestWhatNobodyHeard:
    ANSWER = says(1, 500, "Good.")

    def test_follows_what_was_heard_until_the_next_answer_begins(self) -> None:
        outcome = run(call(says(0, 6_000), self.ANSWER, cues=(interrupts(0, 800), hangs_up(1, 500))), 1)
        sound = tracks(logged(outcome))
        first, second = truth(outcome)[0], merged(truth(outcome))[-1]
        cut_at = first.at_samples + merged(truth(outcome))[0].end
        shown = ruler(0, 6_000)[cut_at - first.at_samples :][: second.at_samples - cut_at]
        rest = len(sound.unheard) - second.at_samples
        assert sound.unheard == QUIET * cut_at + shown + QUIET * rest
        assert len(sound.unheard) == len(sound.ear) == len(sound.caller) == sound.end

    def test_what_was_flushed_has_the_place_that_it_would_have_had(self) -> None:
        outcome = run(call(says(0, 3_000), self.ANSWER, cues=(interrupts(0, 800), hangs_up(1, 500))), 1)
        heard, flushed, after = stretches(logged(outcome))
        assert (heard.heard, flushed.heard, after.heard) == (True, False, True)
        assert (flushed.item_id, flushed.begin, flushed.at) == (heard.item_id, heard.end, heard.at + heard.end)
        assert (flushed.end, after.begin, after.end) == (3_000 * 8, 0, 500 * 8)

    def test_what_came_too_late_to_be_sent_goes_on_where_that_ends(self) -> None:
        reply = Reply(
            items=(ReplyItem("One two.", ruler(0, 2_500)),), speed=1.5, latency_ms=250, late_deltas=3, late_every_ms=15
        )
        outcome = run(call(reply, cues=(interrupts(0, 800),), ends_ms=6_000), 1)
        sound = tracks(logged(outcome))
        heard, flushed = stretches(logged(outcome))
        item = next(each for each in outcome.items if each.role == "assistant")
        assert flushed.end < item.generated_samples < 2_500 * 8
        assert sound.unheard[: flushed.at] == QUIET * flushed.at
        rest = ruler(0, 2_500)[flushed.begin : item.generated_samples]
        assert sound.unheard[flushed.at :].rstrip(QUIET) == rest.rstrip(QUIET)
        assert sound.ear[: flushed.at].endswith(ruler(0, 2_500)[: heard.end])

    def test_a_response_that_was_cut_before_it_was_sent_stands_where_it_came(self) -> None:
        """The caller speaks while the first answer is being thought about; the next one makes it fall silent."""
        harness = in_call()
        harness.model(build.response_created(), build.response_item_added(), build.item_added())
        harness.model(build.speech_started(100))
        harness.run(200)
        harness.model(build.item_audio(500), build.item_audio(500), *build.reply_done(status="cancelled"))
        harness.run(700)
        harness.model(*build.reply(200, "item_2", "resp_2"))
        harness.run(1_200)
        log = log_of(harness.entries)
        assert stretches(log) == [Stretch("item_2", 0, 1_600, at=5_600, heard=True)]
        assert tracks(log).unheard == QUIET * 1_600 + build.audio(500) + QUIET * 4_000

    def test_after_the_end_of_the_call_it_goes_on_to_its_end(self) -> None:
        outcome = run(call(says(0, 3_000), cues=(hangs_up(0, 1_000),)), 1)
        sound = tracks(logged(outcome))
        (heard,) = truth(outcome)[:1]
        at = merged(truth(outcome))[0]
        over = heard.at_samples + at.end
        assert sound.ear == QUIET * heard.at_samples + ruler(0, 3_000)[: at.end] + QUIET * (len(sound.ear) - over)
        assert sound.unheard == QUIET * over + ruler(0, 3_000)[at.end :]
        assert sound.end == over < len(sound.unheard)


class TestOneReading:
    def test_gives_the_sound_and_where_it_was(self) -> None:
        log = logged(run(call(says(0, 3_000), cues=(hangs_up(0, 1_000),)), 1))
        assert hear(log) == (tracks(log), stretches(log))


class TestARunningCall:
    def test_is_heard_up_to_its_newest_frame(self) -> None:
        outcome = run(call(says(0, 3_000), cues=(hangs_up(0, 2_000),)), 1)
        now = next(entry.seq for entry in outcome.entries if entry.at_ns >= 1_500_000_000)
        log = log_of(outcome.entries[: now - 1], outcome.scenario.settings)
        sound = tracks(log)
        whole = tracks(logged(outcome))
        assert sound.end % (FRAME_MS * SAMPLES_PER_MS) == 0
        assert sound.ear[: sound.end] == whole.ear[: sound.end]
        assert sound.ear[sound.end :] == QUIET * (len(sound.ear) - sound.end)

    def test_has_no_sound_before_it_has_begun(self) -> None:
        assert stretches(log_of([])) == []
        nothing = tracks(log_of([]))
        assert (nothing.caller, nothing.ear, nothing.unheard, nothing.end) == (b"", b"", b"", 0)
