"""Playing a file in a terminal, with whatever program there is that can."""

import shutil
import subprocess
from pathlib import Path

PLAYERS: dict[str, tuple[str, ...]] = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
    "mpv": ("--no-video", "--msg-level=all=error"),
    "play": ("-q",),
    "aplay": ("-q",),
    "paplay": (),
    "afplay": (),
}
"""By name, with what makes each play to the end and say nothing but errors. The first that is found plays; those that
mix three channels down to two by themselves come first."""
_STDERR = 2


class PlayerError(Exception):
    """Nothing was played, or not to the end."""


def find_player() -> list[str]:
    """The command that plays a file, without the file. Raises PlayerError."""
    for name, options in PLAYERS.items():
        if path := shutil.which(name):
            return [path, *options]
    raise PlayerError(
        f"there is no player here (none of {', '.join(PLAYERS)}). Install one, ffmpeg has ffplay, or write a file: -o"
    )


def play(player: list[str], file: Path) -> None:
    """Play a file, to its end. The keys of the terminal are the player's; what it says goes to stderr. Raises
    PlayerError."""
    try:
        done = subprocess.run([*player, str(file)], stdout=_STDERR, check=False)
    except OSError as error:
        raise PlayerError(f"{player[0]}: {error.strerror}") from error
    if done.returncode:
        raise PlayerError(f"{player[0]} ended with {done.returncode}")
