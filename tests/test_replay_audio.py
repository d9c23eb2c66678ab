"""`replay audio`: a call as a WAV file, a part of it, and played."""

import io
import struct
import wave
from array import array
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core.audio import SILENCE, linear
from engine.sim.world import Outcome, run
from replay import cli
from replay.sound.ear import Tracks, tracks
from replay.sound.wav import wav
from tests import build
from tests.build import in_call
from tests.replay_calls import bakery, call_row, log_of, renumbered, write_live, write_sealed, write_story
from tests.stories_told import call, hangs_up, interrupts, says

LINEAR = [linear(code) for code in range(256)]
CHANNELS = "left the caller, right what the caller heard"


@pytest.fixture(scope="module")
def told() -> Outcome:
    """The caller breaks in after 800 ms of three seconds, hears a second answer, and goes."""
    return run(call(says(0, 3_000), says(1, 500, "Good."), cues=(interrupts(0, 800), hangs_up(1, 500))), 1)


@pytest.fixture
def calls(tmp_path: Path, told: Outcome) -> Path:
    """A folder with that call."""
    config = msgspec.json.encode(told.scenario.settings).decode()
    write_sealed(tmp_path / "calls", told.entries, call_row(config=config))
    return tmp_path / "calls"


def audio(calls: Path, *args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["audio", "last", "--calls-dir", str(calls), *map(str, args)])


def sound(told: Outcome) -> Tracks:
    return tracks(log_of(told.entries, told.scenario.settings))


def samples(track: bytes) -> list[int]:
    return [LINEAR[code] for code in track]


def channels(file: bytes) -> list[list[int]]:
    """What a WAV file with the plain header holds, read by the standard library."""
    with wave.open(io.BytesIO(file)) as opened:
        assert (opened.getsampwidth(), opened.getframerate()) == (2, 8_000)
        frames = array("h", opened.readframes(opened.getnframes()))
        return [list(frames[number :: opened.getnchannels()]) for number in range(opened.getnchannels())]


class TestAFile:
    def test_has_the_caller_left_and_right_what_was_played_to_him(
        self, calls: Path, told: Outcome, tmp_path: Path
    ) -> None:
        file = tmp_path / "call.wav"
        file.write_bytes(b"something older")
        done = audio(calls, "-o", file)
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"replay: {file}: 0:00.000 to 0:03.180, {CHANNELS}\n"
        left, right = channels(file.read_bytes())
        played = bytearray([SILENCE]) * len(right)
        for piece in told.edge.played:
            played[piece.at_samples : piece.at_samples + len(piece.audio)] = piece.audio
        assert right == samples(bytes(played))
        assert left == samples(sound(told).caller)
        assert max(map(abs, left)) > 10_000

    def test_goes_through_a_pipe(self, calls: Path, told: Outcome) -> None:
        done = audio(calls, "-o", "-")
        assert done.exit_code == 0
        made = sound(told)
        assert done.stdout_bytes == wav(made.caller, made.ear)
        assert done.stderr == f"replay: 0:00.000 to 0:03.180, {CHANNELS}\n"

    def test_is_nothing_for_a_terminal(self, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda stream: True, raising=False)
        done = audio(calls, "-o", "-")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "replay: a WAV file is nothing for a terminal: -o call.wav, or --play\n"

    def test_has_what_nobody_heard_in_the_middle(self, calls: Path, told: Outcome, tmp_path: Path) -> None:
        """A third channel needs the longer header: without it players take it for a subwoofer."""
        file = tmp_path / "call.wav"
        done = audio(calls, "-o", file, "--generated")
        assert done.exit_code == 0
        assert done.stderr == f"replay: {file}: 0:00.000 to 0:03.180, {CHANNELS}, middle what nobody heard\n"
        made = file.read_bytes()
        assert struct.unpack_from("<4sI4s4sIHHIIHHHHI", made) == (
            *(b"RIFF", len(made) - 8, b"WAVE", b"fmt ", 40),
            *(0xFFFE, 3, 8_000, 8_000 * 6, 6, 16),
            *(22, 16, 0b111),
        )
        assert made[44:60] == bytes.fromhex("0100000000001000800000aa00389b71")
        assert struct.unpack_from("<4sI", made, 60) == (b"data", len(made) - 68)
        frames, heard = array("h", made[68:]), sound(told)
        assert list(frames[0::3]) == samples(heard.caller)
        assert list(frames[1::3]) == samples(heard.ear)
        assert list(frames[2::3]) == samples(heard.unheard)
        assert heard.unheard.count(SILENCE) < len(heard.unheard)

    def test_of_a_call_that_ends_in_the_middle_goes_on_with_what_was_cut_off(self, tmp_path: Path) -> None:
        outcome = run(call(says(0, 3_000), cues=(hangs_up(0, 1_000),)), 1)
        write_sealed(tmp_path / "calls", outcome.entries)
        made = sound(outcome)
        audio(tmp_path / "calls", "-o", tmp_path / "a.wav")
        assert [len(each) for each in channels((tmp_path / "a.wav").read_bytes())] == [made.end, made.end]
        audio(tmp_path / "calls", "-o", tmp_path / "b.wav", "--generated")
        assert (tmp_path / "b.wav").stat().st_size == 68 + 6 * len(made.unheard)
        assert len(made.unheard) - made.end > 1_000 * 8

    def test_of_a_running_call_goes_up_to_now(self, told: Outcome, tmp_path: Path) -> None:
        entries = [entry for entry in told.entries if entry.at_ns < 1_500_000_000]
        running = write_live(tmp_path / "calls", entries)
        done = audio(tmp_path / "calls", "-o", tmp_path / "call.wav")
        running.close()
        assert done.exit_code == 0
        left, right = channels((tmp_path / "call.wav").read_bytes())
        whole = sound(told)
        assert right == samples(whole.ear[: len(right)])
        assert left == samples(whole.caller[: len(left)])
        assert len(left) == 1_440 * 8

    def test_of_a_golden_log_says_what_is_not_in_it(self, tmp_path: Path) -> None:
        story = write_story(tmp_path / "story.jsonl", bakery())
        done = CliRunner().invoke(cli.cli, ["audio", str(story), "-o", str(tmp_path / "call.wav")])
        assert done.exit_code == 0
        assert done.stderr == (
            "replay: a golden log keeps no sound of the caller, and of the assistant only what words were looked for"
            f" in\nreplay: {tmp_path / 'call.wav'}: 0:00.000 to 0:01.400, {CHANNELS}\n"
        )


def part(told: Outcome, begin_ms: float, end_ms: float) -> bytes:
    made, span = sound(told), slice(round(begin_ms * 8), round(end_ms * 8))
    return wav(made.caller[span], made.ear[span])


class TestAPart:
    """The first answer is heard from 605 ms on."""

    @pytest.mark.parametrize(
        ("args", "begin_ms", "end_ms"),
        [
            (("--from", "1.5s", "--to", "0:02.25"), 1_500, 2_250),
            (("--from", "1500ms"), 1_500, 3_180),
            (("--to", "2"), 0, 2_000),
            (("--from", "start", "--to", "end"), 0, 3_180),
            (("--from", "3", "--to", "9"), 3_000, 3_180),
            (("--from", "mark:sentinel-33"), 1_570, 3_180),
        ],
    )
    def test_is_from_place_to_place(
        self, calls: Path, told: Outcome, args: tuple[str, ...], begin_ms: float, end_ms: float
    ) -> None:
        done = audio(calls, *args, "-o", "-")
        assert done.exit_code == 0, done.stderr
        assert [len(each) / 8 for each in channels(done.stdout_bytes)] == [end_ms - begin_ms] * 2
        assert done.stdout_bytes == part(told, begin_ms, end_ms)

    def test_a_turn_has_a_second_before_it_and_after(self, calls: Path, told: Outcome) -> None:
        """Of the second answer, of half a second; the call is over soon after."""
        begin_ms = next(piece.at_samples for piece in told.edge.played[::-1] if len(piece.audio)) / 8
        done = audio(calls, "--turn", 3, "-o", "-")
        assert done.exit_code == 0, done.stderr
        at_ms = sound(told).ear.rindex(told.edge.played[-1].audio) / 8
        assert begin_ms == at_ms
        assert done.stderr == f"replay: 0:01.540 to 0:03.180, {CHANNELS}\n"
        assert done.stdout_bytes == part(told, 1_540, 3_180)

    def test_a_turn_of_the_callers_is_as_long_as_he_spoke(self, calls: Path) -> None:
        done = audio(calls, "--turn", 2, "-o", "-")
        assert done.stderr == f"replay: 0:00.400 to 0:02.660, {CHANNELS}\n"

    def test_a_turn_that_was_cut_is_longer_with_what_nobody_heard(self, calls: Path) -> None:
        heard, whole = (audio(calls, "--turn", 1, "-o", "-", *more) for more in ((), ("--generated",)))
        assert heard.stderr.startswith("replay: 0:00.000 to 0:02.5")
        assert whole.stderr.startswith("replay: 0:00.000 to 0:03.180")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A call of which the second turn was never sent, and the third is not over."""
    harness = in_call()
    harness.model(*build.reply(200))
    harness.run(400)
    harness.model(build.response_created("resp_2"), build.response_item_added("item_2", "resp_2"))
    harness.model(build.item_added("item_2", "item_1"), build.speech_started(350))
    harness.model(build.item_audio(300, "item_2", "resp_2"), *build.reply_done("item_2", "resp_2", "cancelled"))
    harness.model(build.item_added("item_u1", "item_2", "user"))
    harness.run(1_800)
    write_live(tmp_path / "odd", renumbered(harness.entries)).close()
    return tmp_path / "odd"


class TestAnOddTurn:
    def test_that_was_never_sent_is_heard_only_if_asked_for(self, odd: Path) -> None:
        done = audio(odd, "--turn", 2, "-o", "-")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "replay: of turn:2 nothing was heard: --generated adds what was cut off\n"
        done = audio(odd, "--turn", 2, "-o", "-", "--generated")
        assert (done.exit_code, done.stderr) == (
            0,
            f"replay: 0:00.000 to 0:01.700, {CHANNELS}, middle what nobody heard\n",
        )

    def test_that_is_not_over_goes_on_to_the_end(self, odd: Path) -> None:
        done = audio(odd, "--turn", 3, "-o", "-")
        assert (done.exit_code, done.stderr) == (0, f"replay: 0:00.000 to 0:01.800, {CHANNELS}\n")


class TestWhatCannotBeDone:
    @pytest.mark.parametrize(
        ("args", "why"),
        [
            ((), "Say where the sound is to go: -o call.wav, -o - for a pipe, or --play."),
            (("-o", "x.wav", "--turn", "1", "--to", "3"), "--turn goes without --from and --to."),
            (("-o", "x.wav", "--from", "soon"), "'soon' is no place in a call."),
        ],
    )
    def test_is_said_by_usage(self, calls: Path, args: tuple[str, ...], why: str) -> None:
        done = audio(calls, *args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            (("--turn", "9"), "there is no turn 9: the call has 3 turns"),
            (("--from", "7"), "from 0:07.000 to end there is no sound: the call is 0:03.180 long"),
            (("--from", "2", "--to", "1"), "from 0:02.000 to 0:01.000 there is no sound: the call is 0:03.180 long"),
        ],
    )
    def test_is_said(self, calls: Path, args: tuple[str, ...], why: str) -> None:
        done = audio(calls, *args, "-o", "-")
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: {why}\n")

    def test_nor_a_file_where_none_can_be(self, calls: Path, tmp_path: Path) -> None:
        file = tmp_path / "none" / "call.wav"
        done = audio(calls, "-o", file)
        assert (done.exit_code, done.stderr) == (2, f"replay: {file}: No such file or directory\n")

    def test_nor_sound_of_a_call_without_any(self, tmp_path: Path) -> None:
        write_live(tmp_path / "calls", bakery()[:2]).close()
        done = audio(tmp_path / "calls", "-o", "-")
        assert (done.exit_code, done.stderr) == (2, "replay: there is no sound: Twilio sent no frame\n")

    def test_nor_of_one_in_another_codec(self, tmp_path: Path) -> None:
        other = [replace(each, body=each.body.replace("audio/x-mulaw", "audio/x-l16")) for each in bakery()]
        write_live(tmp_path / "calls", other).close()
        done = audio(tmp_path / "calls", "-o", "-")
        why = "the stream is audio/x-l16, 8000 Hz, 1 channel(s): no sound can be made of that"
        assert (done.exit_code, done.stderr) == (2, f"replay: {why}\n")

    def test_nor_a_call_that_is_not_there(self, calls: Path) -> None:
        done = CliRunner().invoke(cli.cli, ["audio", "CAff", "--calls-dir", str(calls), "-o", "-"])
        assert (done.exit_code, done.stdout) == (2, "")
        assert "CAff" in done.stderr


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


class TestPlaying:
    @pytest.mark.parametrize(
        ("there", "plays"),
        [
            (("afplay", "aplay", "mpv"), "mpv --no-video --msg-level=all=error"),
            (("play", "ffplay"), "ffplay -nodisp -autoexit -loglevel error"),
            (("paplay",), "paplay"),
        ],
    )
    def test_takes_the_first_player_there_is(
        self, calls: Path, told: Outcome, programs: Path, tmp_path: Path, there: tuple[str, ...], plays: str
    ) -> None:
        for name in there:
            keep = f'for last; do :; done; /bin/cp "$last" {tmp_path}/played.wav'
            program(programs, name, f'#!/bin/sh\n{keep}\necho {name} "$@" > {tmp_path}/said\n')
        done = audio(calls, "--play", "--turn", 3)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"replay: 0:01.540 to 0:03.180, {CHANNELS}\n")
        assert (tmp_path / "played.wav").read_bytes() == part(told, 1_540, 3_180)
        *said, file = (tmp_path / "said").read_text().split()
        assert " ".join(said) == plays
        assert not Path(file).exists(), "it was only lent"

    def test_writes_the_file_as_well_where_one_is_named(self, calls: Path, programs: Path, tmp_path: Path) -> None:
        program(programs, "aplay", f'#!/bin/sh\n/bin/cp "$2" {tmp_path}/played.wav\n')
        done = audio(calls, "--play", "-o", tmp_path / "call.wav")
        assert done.exit_code == 0
        assert (tmp_path / "played.wav").read_bytes() == (tmp_path / "call.wav").read_bytes()

    def test_says_what_to_install_where_there_is_none(self, calls: Path, programs: Path) -> None:
        done = audio(calls, "--play")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            "replay: there is no player here (none of ffplay, mpv, play, aplay, paplay, afplay). Install one, ffmpeg"
            " has ffplay, or write a file: -o\n"
        )

    def test_says_when_a_player_could_not(self, calls: Path, programs: Path) -> None:
        program(programs, "mpv", "#!/bin/sh\nexit 3\n")
        done = audio(calls, "--play")
        assert done.exit_code == 2
        assert done.stderr.splitlines()[1:] == [f"replay: {programs}/mpv ended with 3"]

    def test_or_is_no_program_at_all(self, calls: Path, programs: Path) -> None:
        program(programs, "mpv", "\x7fELF")
        done = audio(calls, "--play")
        assert done.exit_code == 2
        assert done.stderr.splitlines()[1:] == [f"replay: {programs}/mpv: Exec format error"]
