"""One seed for everything that draws.

Trio runs the tasks that are ready in an order drawn by chance, so that nobody relies on one. To draw it from a seed
takes two private names of trio, which its own tests and those of hypothesis use in the same way. They are used here and
nowhere else, and looked for before they are: a version of trio without them is refused, not believed.

What else draws: the masks and nonces of WebSockets, which no log sees; the time of day (`engine.log.wall_clock`); the
nonces of tokens, which the server is given. Each simulated thing draws from a `Random` of its own.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import trio
from trio._core import _run

from engine.log.wall_clock import NOW

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulation begins."""


class TrioChanged(Exception):
    """This version of trio draws its order in another way."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, `trio.run` schedules as `seed` says. Raises TrioChanged."""
    if not isinstance(getattr(_run, "_r", None), random.Random) or not hasattr(_run, _FLAG):
        raise TrioChanged(f"trio {trio.__version__} has no {_FLAG} and _r: see engine/soak/chance.py")
    flag, state = getattr(_run, _FLAG), _run._r.getstate()
    setattr(_run, _FLAG, True)
    _run._r.seed(seed)
    try:
        yield
    finally:
        setattr(_run, _FLAG, flag)
        _run._r.setstate(state)


def use_virtual_day() -> None:
    """From here on, for this task and those that it starts, the time of day is that of trio's clock."""
    began = trio.current_time()
    NOW.set(lambda: EPOCH + timedelta(seconds=trio.current_time() - began))


_FLAG = "_ALLOW_DETERMINISTIC_SCHEDULING"
