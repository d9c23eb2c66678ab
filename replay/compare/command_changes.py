"""Which commands are others under other settings.

Names that the core counts (of marks, of its frames to the model) are no part of what a command is: a mark is the same
if it stands at the same place in the audio, a truncate if it cuts the same item at the same place. So what is the same
is found first where it was, then anywhere (it *moved*: it comes at another time); of what is left, commands about the
same thing are one that *changed*; and the rest were *added* or *removed*. Of audio and marks there are so many about
one item that they are never taken for one another.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from typing import Literal, NamedTuple

from replay.compare.what_if import Commanded, Outcome

Way = Literal["changed", "moved", "added", "removed"]


class Change(NamedTuple):
    """A command that is another. One of the two is missing where it was added or removed."""

    way: Way
    recorded: Commanded | None
    what_if: Commanded | None

    @property
    def first(self) -> Commanded:
        """The one that comes first."""
        found = [each for each in (self.recorded, self.what_if) if each is not None]
        return min(found, key=lambda each: each.entry.at_ns)


def command_changes(outcome: Outcome) -> list[Change]:
    """In the order of the call."""
    recorded, what_if = outcome.recorded.commanded, outcome.what_if.commanded
    _, recorded, what_if = _match(recorded, what_if, lambda each: (each.key, each.step, each.by))
    moved, recorded, what_if = _match(recorded, what_if, lambda each: each.key)
    changed, recorded, what_if = _match(recorded, what_if, lambda each: each.subject)
    found = [Change("moved", *pair) for pair in moved]
    found += [Change("changed", *pair) for pair in changed]
    found += [Change("removed", each, None) for each in recorded]
    found += [Change("added", None, each) for each in what_if]
    return sorted(found, key=lambda change: (change.first.entry.at_ns, change.first.entry.seq))


_Pairs = list[tuple[Commanded, Commanded]]


def _match(
    recorded: list[Commanded], what_if: list[Commanded], key: Callable[[Commanded], Hashable]
) -> tuple[_Pairs, list[Commanded], list[Commanded]]:
    """Pairs with the same key, in order, and what is left of both. What has no key has no pair."""
    waiting: defaultdict[Hashable, deque[Commanded]] = defaultdict(deque)
    for each in recorded:
        waiting[key(each)].append(each)
    pairs: _Pairs = []
    alone: list[Commanded] = []
    for each in what_if:
        if key(each) is not None and waiting[key(each)]:
            pairs.append((waiting[key(each)].popleft(), each))
        else:
            alone.append(each)
    taken = {id(one) for one, _ in pairs}
    return pairs, [each for each in recorded if id(each) not in taken], alone
