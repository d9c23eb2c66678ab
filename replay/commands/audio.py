"""`replay audio`: a call as sound."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.commands.common import CALL, CALLS_DIR, PlaceName, fail, open_call, tell, write

if TYPE_CHECKING:
    from replay.places import Place
    from replay.rows import Log

_PIPE = "-"


@click.command("audio")
@CALL
@CALLS_DIR
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The WAV file; - for a pipe.",
)
@click.option("--play", "plays", is_flag=True, help="Play it here, with ffplay, mpv, sox or whatever there is.")
@click.option("--generated", is_flag=True, help="Add what was generated and nobody heard, as a third channel.")
@click.option("--turn", type=int, metavar="N", help="Only turn N, with a second before and after.")
@click.option("--from", "begin", type=PlaceName(), help="Only from this place on: 83.4s, 1:23.4, seq:812, turn:3 …")
@click.option("--to", "end", type=PlaceName(), help="Only up to this place.")
def command(
    call: str,
    calls_dir: Path,
    output: Path | None,
    plays: bool,
    generated: bool,
    turn: int | None,
    begin: "Place | None",
    end: "Place | None",
) -> None:
    """Make a WAV file of a call: left the caller, right what the caller heard, when it was heard.

    It begins with the stream, as a recording of the call does, and each sample is where it was played: what an
    interruption cut off is not in it, and a pause is a pause. --generated has what was cut off, in the middle, from
    where it would have been heard until the next answer begins; Python's own `wave` opens a file of three channels from
    3.12 on. A running call goes up to now.

    CALL is what it is for `replay CALL`. A place is 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end.

    \b
    Examples:
      replay audio last -o call.wav
      replay audio last --play --turn 3
      replay audio CA93f0 --generated -o call.wav
      replay audio CA93f0 --from 1:20 --to 1:35 -o - | ffmpeg -i - clip.mp3

    Exit code: 0 done, 2 there is no such call or place, no sound, or no player.
    """
    if output is None and not plays:
        raise click.UsageError("Say where the sound is to go: -o call.wav, -o - for a pipe, or --play.")
    if turn is not None and (begin or end) is not None:
        raise click.UsageError("--turn goes without --from and --to.")
    if str(output) == _PIPE and sys.stdout.isatty():
        fail("a WAV file is nothing for a terminal: -o call.wav, or --play")
    player = _player() if plays else []
    with open_call(calls_dir, call) as log:
        made, told = _sound(log, turn, begin, end, generated=generated)
    if output is not None:
        write(output, made)
        tell(f"{output}: {told}" if str(output) != _PIPE else told)
    else:
        tell(told)
    if plays:
        _play(player, made)


def _sound(
    log: "Log", turn: int | None, begin: "Place | None", end: "Place | None", *, generated: bool
) -> tuple[bytes, str]:
    """The file, and what it is. Raises LogError."""
    from engine.core.audio import ms_of
    from engine.log.errors import LogError
    from replay.places import Place
    from replay.sound.ear import tracks
    from replay.sound.excerpt import around_turn, between
    from replay.sound.wav import wav
    from replay.sources import is_golden
    from replay.text import clock

    sound = tracks(log)
    samples = len(sound.unheard) if generated else sound.end
    if sound.codec:
        raise LogError(f"the stream is {sound.codec}: no sound can be made of that")
    if not samples:
        raise LogError("there is no sound: Twilio sent no frame")
    if turn is not None:
        first, last = around_turn(log, turn, samples, generated=generated)
    else:
        first, last = between(log, begin or Place("start"), end or Place("end"), samples)
    if is_golden(log.path):
        tell("a golden log keeps no sound of the caller, and of the assistant only what words were looked for in")
    part = slice(first, last)
    channels = "left the caller, right what the caller heard" + (", middle what nobody heard" if generated else "")
    told = f"{clock(ms_of(first))} to {clock(ms_of(last))}, {channels}"
    return wav(sound.caller[part], sound.ear[part], sound.unheard[part] if generated else None), told


def _player() -> list[str]:
    from replay.sound.player import PlayerError, find_player

    try:
        return find_player()
    except PlayerError as error:
        fail(str(error))


def _play(player: list[str], made: bytes) -> None:
    from tempfile import NamedTemporaryFile

    from replay.sound.player import PlayerError, play

    with NamedTemporaryFile(suffix=".wav") as file:
        file.write(made)
        file.flush()
        try:
            play(player, Path(file.name))
        except PlayerError as error:
            fail(str(error))
