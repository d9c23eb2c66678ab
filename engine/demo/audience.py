"""Who watches: a terminal, or a reader of lines. Both see the log and nothing else."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live

from engine.demo.follow import Follower
from engine.demo.narrate import Narrator
from engine.demo.screen import picture
from engine.demo.view import view
from replay import paint


class Audience(ABC):
    """`follower` knows the call as far as it was looked at. `seated`: for as long as there is something to see."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower

    @abstractmethod
    def look(self, log: Path) -> bool:
        """Show what is new in the log; whether there will be more. Raises LogError."""

    def seated(self) -> AbstractContextManager[object]:
        return nullcontext()


class Reader(Audience):
    """Gets a line for each thing that happens, as it happens."""

    def __init__(self, follower: Follower) -> None:
        super().__init__(follower)
        self._narrator = Narrator()

    def look(self, log: Path) -> bool:
        for entry in self.follower.look(log):
            show_lines(self._narrator.tell(entry, self.follower.call))
        return self.follower.is_live


class Viewer(Audience):
    """Sees one picture, drawn anew in its place."""

    def __init__(self, follower: Follower) -> None:
        super().__init__(follower)
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def look(self, log: Path) -> bool:
        for _ in self.follower.look(log):
            pass
        width, height = self._console.size
        # The last line of the terminal stays free: a picture that fills it would scroll at every drawing.
        self._live.update(Group(*picture(view(self.follower.call), width, height - 1)), refresh=True)
        return self.follower.is_live

    def seated(self) -> AbstractContextManager[object]:
        return self._live


def show_lines(lines: Iterable[paint.Line]) -> None:
    """Print to stdout as `replay` does: in colour on a terminal, plain otherwise."""
    try:
        if paint.is_terminal(sys.stdout):
            paint.print_in_colour(lines)
        else:
            sys.stdout.write(paint.plain(lines))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: the call goes on to its end, and is logged and judged
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
