"""The parts that the ear is made of: the clock, the runs, what another bridge sends, and what cannot be heard."""

import json
from base64 import b64encode

import pytest
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, CallSettings, Entry
from engine.core.audio import SILENCE
from engine.core.entries import split
from engine.log.errors import LogError
from replay.rows import Log
from replay.sound.ear import Stretch, stretches, tracks
from replay.sound.ear_clock import EarClock, Span
from replay.sound.ear_runs import Evidence, Run, runs_of
from replay.sound.ear_wire import read
from tests import build
from tests.build import MS, audio, in_call
from tests.replay_calls import bakery, log_of

QUIET = bytes([SILENCE])


class TestTheClock:
    """Frames of 20 ms; `late_ms` says how long after its end each arrives."""

    @staticmethod
    def of(*late_ms: float, left_out: tuple[int, ...] = ()) -> EarClock:
        clock = EarClock()
        ends = [end for end in range(1, len(late_ms) + len(left_out) + 1) if end not in left_out]
        for number, (end, late) in enumerate(zip(ends, late_ms, strict=True)):
            clock.frame(10 * number, end * 160, round((end * 20 + late) * MS))
        return clock

    @staticmethod
    def dated(clock: EarClock, seq: int, at_ms: float) -> tuple[float, float]:
        earliest, latest = clock.date(seq, round(at_ms * MS))
        return earliest / MS, latest / MS

    def test_on_a_constant_line_a_date_is_exact_to_a_nanosecond(self) -> None:
        clock = self.of(*[30.5] * 10)
        assert clock.date(45, 137_654_321) == Span(107_154_321, 107_154_321)
        assert clock.jitter_ns(45) == 0

    def test_what_came_between_two_frames_left_between_them_however_late_they_are(self) -> None:
        clock = self.of(0, 0, 0, 0, 90, 70, 50, 30, 10, 0)
        assert self.dated(clock, 45, 189) == (100, 120)

    def test_how_quick_the_line_is_narrows_that(self) -> None:
        clock = self.of(0, 0, 0, 0, 10, 10, 0, 0, 0, 0)
        assert self.dated(clock, 45, 112) == (102, 112)
        assert self.dated(clock, 35, 85) == (80, 85)

    def test_behind_the_last_frame_there_is_no_later_witness(self) -> None:
        assert self.dated(self.of(*[5.0] * 5), 99, 112) == (107, 107)

    def test_what_travels_alone_can_be_quicker_than_the_frames(self) -> None:
        """Frames of a dense flow wait for each other. Here six are left out, and the echo came in between."""
        clock = self.of(0, 8, 0, 0, 0, 0, left_out=(4, 5, 6, 7, 8, 9))
        assert self.dated(clock, 25, 130) == (122, 134)
        assert self.dated(clock, 99, 300) == (292, 304)

    def test_without_a_frame_the_start_of_the_stream_must_do(self) -> None:
        clock = EarClock()
        clock.opened_ns = 40 * MS
        assert self.dated(clock, 5, 100) == (60, 60)

    def test_of_two_dates_that_contradict_each_other_the_first_stands(self) -> None:
        assert Span(10, 20).also(Span(15, 30)) == Span(15, 20)
        assert Span(10, 20).also(Span(25, 30)) == Span(10, 20)
        assert Span(10, 20).middle == 15


def runs(evidence: list[tuple[int, int, int]], forecast: list[int], *silences: int) -> list[tuple[int, int, int]]:
    """The runs of sendings for which these lines are foretold, to the sample."""
    foretold = [Evidence(number, line, line) for number, line in enumerate(forecast)]
    made = runs_of(silences or (0,), [Evidence(*each) for each in evidence], foretold)
    return [(run.first, run.low, run.high) for run in made]


class TestRuns:
    def test_each_echo_narrows_the_line_of_its_run(self) -> None:
        assert runs([(0, 90, 120), (1, 80, 105), (2, 95, 130)], [100, 50, 0]) == [(0, 95, 105)]
        assert Run(0, 95, 106).line == 100

    def test_a_later_echo_is_a_pause_before_the_sending_that_came_too_late(self) -> None:
        assert runs([(0, 100, 100), (3, 180, 180)], [100, 60, 180, 120]) == [(0, 100, 100), (2, 180, 180)]

    def test_or_several_pauses(self) -> None:
        lines = runs([(0, 100, 100), (3, 180, 190)], [100, 130, 70, 185])
        assert lines == [(0, 100, 100), (1, 130, 130), (3, 185, 190)]

    def test_a_pause_that_nothing_foretells_is_before_the_sending_that_was_nearest_to_it(self) -> None:
        """The journey there took longer than ever before."""
        assert runs([(0, 100, 100), (3, 180, 180)], [100, 60, 90, 20]) == [(0, 100, 100), (2, 180, 180)]

    def test_also_where_the_forecast_explains_only_a_part_of_it(self) -> None:
        assert runs([(0, 100, 100), (2, 180, 180)], [100, 130, 20]) == [(0, 100, 100), (1, 180, 180)]

    def test_a_forecast_is_not_believed_against_an_echo(self) -> None:
        assert runs([(0, 100, 100), (1, 95, 105), (2, 150, 160)], [100, 500, 400]) == [(0, 100, 100), (2, 160, 160)]

    def test_what_came_behind_a_probe_may_have_been_slower_than_it(self) -> None:
        assert runs([(0, 100, 110), (0, 150, 160)], [100]) == [(0, 150, 160)]

    def test_an_echo_that_is_too_early_proves_nothing(self) -> None:
        assert runs([(0, 100, 110), (1, 50, 60), (2, 105, 120)], [100, 0, 0]) == [(0, 105, 110)]

    def test_where_no_echo_came_the_forecast_stands(self) -> None:
        assert runs([], [100, 50, 130, 0]) == [(0, 100, 100), (2, 130, 130)]

    def test_what_was_sent_into_silence_begins_a_run_in_any_case(self) -> None:
        assert runs([(0, 100, 100), (1, 100, 100)], [100, 100], 0, 1) == [(0, 100, 100), (1, 100, 100)]


class Naive:
    """A call of another bridge, frame by frame, on a line that takes no time. Times are of the stream."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.at_ms = 0.0
        self._frames = 0
        self.put("input", "caller", "start", build.started())

    def put(self, kind: str, leg: str, type_: str, frame: str) -> None:
        body, cut = split(leg, frame)  # type: ignore[arg-type]
        self.entries.append(
            Entry(len(self.entries) + 1, round(self.at_ms * MS), kind, leg, type_, body, cut)  # type: ignore[arg-type]
        )

    def run(self, until_ms: float) -> None:
        """The caller's frames until then."""
        while (self._frames + 1) * 20 <= until_ms:
            self.at_ms = (self._frames + 1) * 20
            self.put("input", "caller", "media", build.media(self._frames * 20))
            self._frames += 1
        self.at_ms = until_ms

    def model(self, frame: str) -> None:
        self.put("input", "model", json.loads(frame)["type"], frame)

    def send(self, sound: bytes) -> None:
        payload = b64encode(sound).decode()
        self.put("command", "caller", "media", build.frame(event="media", streamSid="MZ1", media={"payload": payload}))

    def mark(self, name: str) -> None:
        self.put("command", "caller", "mark", build.frame(event="mark", streamSid="MZ1", mark={"name": name}))

    def other(self, frame: str) -> None:
        self.put("command", "caller", "other", frame)

    def echo(self, name: str) -> None:
        self.put("input", "caller", "mark", build.echo(name))

    @property
    def log(self) -> Log:
        return log_of(self.entries, CallSettings(rules=RULES_OVERHEARD))


def tone(first: int, ms: int) -> bytes:
    """Audio that does not repeat within a quarter second."""
    return bytes((first + number // 8 * 7 + number) % 250 for number in range(ms * 8))


class TestWhatAnotherBridgeSends:
    def test_without_any_mark_it_is_placed_by_when_it_was_sent(self) -> None:
        call = Naive()
        call.run(100)
        call.model(build.item_audio(200))
        call.send(audio(200))
        call.run(500)
        call.model(build.item_audio(100, "item_2", code=0x21))
        call.send(audio(100, 0x21))
        call.run(1_000)
        assert stretches(call.log) == [
            Stretch("item_1", 0, 1_600, at=800, heard=True),
            Stretch("item_2", 0, 800, at=4_000, heard=True),
        ]

    def test_a_sound_that_is_no_items_is_heard_too(self) -> None:
        beep = audio(50, 0x30) + audio(50, 0x31)
        call = Naive()
        call.run(100)
        call.model(build.item_audio(200))
        call.send(beep)
        call.mark("beep")
        call.run(200)
        call.echo("beep")
        call.run(400)
        assert stretches(call.log) == [Stretch("", 0, 800, at=800, heard=True)]
        sound = tracks(call.log)
        assert sound.ear == QUIET * 800 + beep + QUIET * 1_600
        assert sound.unheard == QUIET * 800 + audio(200) + QUIET * 800

    def test_what_it_left_out_of_an_item_is_where_it_would_have_been(self) -> None:
        """It sends the beginning, then nothing more of it."""
        whole = tone(3, 200)
        call = Naive()
        call.run(100)
        call.put("input", "model", "response.output_audio.delta", _delta(whole))
        call.send(whole[:480])
        call.mark("m")
        call.run(160)
        call.echo("m")
        call.run(600)
        sound = tracks(call.log)
        assert sound.ear == QUIET * 800 + whole[:480] + QUIET * (4_800 - 1_280)
        assert sound.unheard == QUIET * 1_280 + whole[480:] + QUIET * (4_800 - 2_400)

    def test_marks_of_one_name_are_told_apart_and_two_at_one_place_are_one(self) -> None:
        call = Naive()
        call.run(100)
        call.model(build.item_audio(200))
        call.send(audio(100))
        call.mark("m")
        call.mark("m")
        call.send(audio(100))
        call.mark("m")
        call.run(200)
        call.echo("m")
        call.echo("m")
        call.run(300)
        call.echo("m")
        call.echo("m")
        call.other('{"event":"hello"}')
        call.run(400)
        assert stretches(call.log) == [Stretch("item_1", 0, 1_600, at=800, heard=True)]
        assert len(read(call.log).playouts[0].echoes) == 3

    def test_a_probe_with_nothing_behind_it(self) -> None:
        call = Naive()
        call.run(100)
        call.mark("probe")
        call.run(120)
        call.echo("probe")
        call.run(200)
        assert stretches(call.log) == []
        assert tracks(call.log).ear == QUIET * 1_600

    def test_audio_of_the_model_in_another_format_is_no_sound(self) -> None:
        call = Naive()
        call.run(100)
        call.model(build.session_updated(output_format="audio/pcm"))
        call.model(build.item_audio(200))
        call.send(audio(100, 0x22))
        call.run(400)
        assert stretches(call.log) == [Stretch("", 0, 800, at=800, heard=True)]
        assert tracks(call.log).unheard == QUIET * 3_200

    def test_a_clear_without_a_mark_behind_it(self) -> None:
        call = Naive()
        call.run(100)
        call.model(build.item_audio(400))
        call.send(audio(400))
        call.mark("m")
        call.run(300)
        call.other(build.frame(event="clear", streamSid="MZ1"))
        call.echo("m")
        call.run(600)
        assert stretches(call.log) == [
            Stretch("item_1", 0, 1_600, at=800, heard=True),
            Stretch("item_1", 1_600, 3_200, at=2_400, heard=False),
        ]


def _delta(sound: bytes) -> str:
    return build.frame(
        type="response.output_audio.delta",
        event_id="event_8",
        response_id="resp_1",
        item_id="item_1",
        output_index=0,
        content_index=0,
        delta=b64encode(sound).decode(),
    )


class TestALogOfOurs:
    def test_whose_audio_is_gone_is_silent_there(self) -> None:
        """As when a log is damaged: what was sent came from an entry that is not there."""
        entries = [entry for entry in bakery() if entry.type != "response.output_audio.delta"]
        assert [(each.item_id, each.end, each.heard) for each in stretches(log_of(entries))] == [
            ("", 4_160, True),
            ("", 8_000, False),
        ]
        assert tracks(log_of(entries)).ear == QUIET * 11_200

    def test_in_another_codec_has_no_sound(self) -> None:
        entries = [
            replace(each, body=each.body.replace("audio/x-mulaw", "audio/x-l16")) if each.type == "start" else each
            for each in bakery()
        ]
        sound = tracks(log_of(entries))
        assert sound.codec == "audio/x-l16, 8000 Hz, 1 channel(s)"
        assert sound.caller == QUIET * 11_200

    def test_that_was_cut_between_a_probe_and_its_audio(self) -> None:
        harness = in_call()
        harness.model(*build.reply_begun(100))
        cut = next(number for number, each in enumerate(harness.entries) if "probe" in each.body)
        assert stretches(log_of(harness.entries[: cut + 1])) == []

    def test_that_claims_to_be_longer_than_any_call(self) -> None:
        """One frame from far ahead: of its hours no sound is made."""
        entries = [
            replace(each, body=each.body.replace('"timestamp":"100"', '"timestamp":"36000000"')) for each in bakery()
        ]
        with pytest.raises(LogError) as raised:
            tracks(log_of(entries))
        assert str(raised.value) == "memory.db: by its frames this call is 10 hours long; no sound is made of so much"
