"""How the stories are told: short calls in virtual time, and what is to be true of them when they are over.

A story is a scenario and a function of expectations; its name is the function's, what it proves is the docstring. The
expectations are about what the engine reports *and* what really happened, which the simulators know: which sample of
which item was played, and what the model remembers of it.

    @tells(STORIES, call(says(0, 2_000), cues=(interrupts(0, 800),)))
    def the_caller_interrupts(told: Told) -> None:
        \"\"\"What was not heard is cut off at the model.\"\"\"
        told.truncates(FIRST)

Items are rulers (engine/sim/ruler.py) unless a story is about words. The greeting is the first reply, so most calls
need no turn of the caller's to get going.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec

from engine.core import Entry, Report, report
from engine.core.report import InterruptedItem, Turn
from engine.core.settings import CallSettings
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.machine import NS_PER_MS
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Scenario
from engine.sim.scenarios import speech
from engine.sim.speech import Speech
from engine.sim.truth import ItemTruth, heard_runs, item_truths
from engine.sim.world import Outcome, run

FIRST, SECOND, THIRD = (f"item_reply{number:03d}_1" for number in (1, 2, 3))
"""The first item of each response, by the simulated model's way of naming."""
FIRST_AND_MORE = "item_reply001_2"
"""The second item of the first response."""
EXACT_MS = 20
"""One frame of the caller's audio: what a position is good for on a line where nothing stalls."""
STALLED_MS = 220
"""Where playing or the network pauses: the stretch between two marks, and a frame."""
CALLER_LINE = LinkPlan(base_ms=40)
MODEL_LINE = LinkPlan(base_ms=25)
GREETED = CallSettings(instructions="You sell bread.", greeting="Greet the caller.")
WORDS = "One two three four five six."


class Told:
    """A call that is over. Each method asserts one thing about it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    @cached_property
    def report(self) -> Report:
        """What the engine says that happened."""
        return report(self.outcome.call)

    @cached_property
    def truths(self) -> dict[str, ItemTruth]:
        """What really happened to each item."""
        return {truth.item_id: truth for truth in item_truths(self.outcome)}

    @cached_property
    def starts_ms(self) -> dict[str, float]:
        """When the caller began to hear each item, in stream time."""
        runs = heard_runs(self.outcome.edge.played, self.outcome.items)
        return {run.item_id: run.at_samples / 8 for run in reversed(runs)}

    def commands(self, kind: str) -> list[Entry]:
        """The frames of that type that the engine sent, and what it told itself."""
        return [entry for entry in self.outcome.entries if entry.kind != "input" and entry.type == kind]

    def inputs(self, kind: str) -> list[Entry]:
        """The inputs of that type."""
        return [entry for entry in self.outcome.entries if entry.kind == "input" and entry.type == kind]

    def turn(self, item_id: str) -> Turn:
        """The report's turn that is that item."""
        return next(turn for turn in self.report.turns if turn.item_id == item_id)

    def restored(self, session: int = 1) -> list[tuple[str, str]]:
        """What a later session of the model (the second: 1) knows of the ones before it: who, and what."""
        items = self.outcome.models[session].conversation.items
        return [(item.role, item.text) for item in items if item.response_id is None and item.is_told]

    def ends(self, how: str, because: str = "") -> None:
        """The call ended like this, and the reason given says so."""
        assert self.report.ended == how, f"ended {self.report.ended!r}, not {how!r}: {self.report.reason}"
        assert because in self.report.reason, f"the reason is {self.report.reason!r}, without {because!r}"

    def is_interrupted(self, times: int) -> None:
        """The assistant was interrupted so often, and each time Twilio was told once to be silent."""
        counts = len(self.report.interruptions), len(self.commands("clear"))
        assert counts == (times, times), f"interruptions and clears: {counts}, not {times} each"

    def truncates(self, item_id: str, within_ms: int = EXACT_MS) -> None:
        """The model keeps of the item what was heard of it, give or take."""
        found, truth = self._repair(item_id), self.truths[item_id]
        heard_ms = truth.heard_samples / 8
        assert (found.action, found.outcome) == ("truncate", "ok"), f"{item_id}: {found}"
        assert found.audio_end_ms is not None
        error_ms = found.audio_end_ms - heard_ms
        assert abs(error_ms) <= within_ms, f"{item_id}: truncated at {found.audio_end_ms}, heard {heard_ms} ms"
        kept_ms = truth.kept_samples // 8
        assert kept_ms == found.audio_end_ms, f"{item_id}: the model keeps {kept_ms} ms, not {found.audio_end_ms}"
        turn = self.turn(item_id)
        assert turn.interrupted, f"{item_id} is not reported as interrupted"
        assert turn.heard_ms == found.audio_end_ms, f"{item_id}: reported {turn.heard_ms}, sent {found.audio_end_ms}"
        has_place = turn.heard_min_ms - EXACT_MS <= heard_ms <= turn.heard_max_ms + EXACT_MS
        assert has_place, f"{item_id}: heard {heard_ms} ms, not {turn.heard_min_ms} to {turn.heard_max_ms}"

    def deletes(self, item_id: str) -> None:
        """Nobody heard any of the item, and the model has forgotten it."""
        truth = self.truths[item_id]
        assert truth.heard_samples == 0, f"{item_id}: {truth.heard_samples} samples were heard"
        assert not truth.in_conversation, f"{item_id} is still in the model's conversation"
        assert self._asked_about("conversation.item.delete", item_id) == 1
        assert self._asked_about("conversation.item.truncate", item_id) == 0

    def leaves(self, item_id: str) -> None:
        """The item was heard to its end, is reported so, and nothing was sent about it."""
        truth, turn = self.truths[item_id], self.turn(item_id)
        assert truth.heard_samples == truth.generated_samples, f"{item_id}: {truth}"
        reported = turn.heard_ms, turn.heard_text, turn.interrupted
        whole = turn.generated_ms, turn.generated_text, False
        assert reported == whole, f"{item_id}: heard, as reported, {reported}, not {whole}"
        self.says_nothing_about(item_id)

    def is_heard_in_words(self, item_id: str, line: Speech) -> None:
        """The item is that line, and the words reported as heard are those whose end was played, give or take one."""
        heard_ms, text = self.truths[item_id].heard_samples / 8, self.turn(item_id).heard_text
        words = sum(word.end_ms <= heard_ms for word in line.words)
        assert line.text.startswith(text), f"{item_id}: {text!r} is not what is said: {line.text!r}"
        assert abs(len(text.split()) - words) <= 1, f"{item_id}: {words} words were heard, not {text!r}"

    def searches(self, item_id: str) -> list[tuple[str, bool]]:
        """What was looked for in the item: the texts, and whether whole. Each search was answered in the log."""
        asked = [body for body in map(_body, self.commands("align_item")) if body["item_id"] == item_id]
        found = [body["alignment"] for body in map(_body, self.inputs("item.aligned")) if body["item_id"] == item_id]
        assert [body["characters"] for body in asked] == [len(each["transcript"]) for each in found]
        return [(each["transcript"], body["complete"]) for body, each in zip(asked, found, strict=True)]

    def says_nothing_about(self, item_id: str) -> None:
        """The item stays at the model as it is."""
        asked = [self._asked_about(f"conversation.item.{verb}", item_id) for verb in ("truncate", "delete")]
        assert asked == [0, 0], f"{item_id}: truncated and deleted {asked} times"

    def never_sends(self, *kinds: str) -> None:
        """No such frame left the engine."""
        sent = {kind: len(self.commands(kind)) for kind in kinds}
        assert not any(sent.values()), f"sent: {sent}"

    def cancels(self, *response_ids: str) -> None:
        """These responses, and no others, were cancelled by the engine, each by its id."""
        bodies = [msgspec.json.decode(entry.body) for entry in self.commands("response.cancel")]
        cancelled = tuple(body["response_id"] for body in bodies)
        assert cancelled == response_ids, f"cancelled: {cancelled}"

    def _asked_about(self, kind: str, item_id: str) -> int:
        return sum(f'"item_id":"{item_id}"' in entry.body for entry in self.commands(kind))

    def _repair(self, item_id: str) -> InterruptedItem:
        found = [item for each in self.report.interruptions for item in each.items if item.item_id == item_id]
        assert found, f"{item_id} is in no interruption: {self.report.interruptions}"
        return found[-1]


def _body(entry: Entry) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(entry.body)
    return body


class Story(msgspec.Struct, frozen=True):
    """One golden log. `proves` is its line in the index; `errors` are the codes of the model's errors, in order."""

    name: str
    proves: str
    scenario: Scenario
    expect: Callable[[Told], None]
    seed: int = 1
    errors: tuple[str, ...] = ()

    def __call__(self) -> Outcome:
        """The call. Raises AssertionError if it is not the story."""
        outcome = run(self.scenario, self.seed)
        told = Told(outcome)
        assert outcome.ended is not None, f"{self.name}: the call did not end"
        assert outcome.edge.refused == [], f"{self.name}: Twilio would refuse {outcome.edge.refused}"
        assert told.commands("fault") == [], f"{self.name}: {told.commands('fault')}"
        errors = [error for model in outcome.models or [outcome.model] for error in model.errors]
        codes = tuple(error["code"] for error in errors)
        assert codes == self.errors, f"{self.name}: the model answered with {errors}"
        self.expect(told)
        return outcome


Stories = dict[str, Story]


def tells(
    stories: Stories, scenario: Scenario, seed: int = 1, errors: tuple[str, ...] = ()
) -> Callable[[Callable[[Told], None]], Callable[[Told], None]]:
    """Put a story into `stories`: the decorated function holds its expectations."""

    def add(expect: Callable[[Told], None]) -> Callable[[Told], None]:
        name = expect.__name__
        proves = " ".join((expect.__doc__ or "").split())
        assert proves, f"{name} does not say what it proves"
        assert name not in stories, f"{name} is told twice"
        named = msgspec.structs.replace(scenario, name=name)
        stories[name] = Story(name, proves, named, expect, seed, errors)
        return expect

    return add


def call(*replies: Reply, cues: tuple[Cue, ...] = (), **changes: object) -> Scenario:
    """A call of a caller who is greeted with the first of `replies`, on a line without jitter."""
    scenario = Scenario(
        name="",
        edge=EdgePlan(cues=cues),
        model=ModelPlan(replies=replies, caller_words=("Wait.",) * len(replies)),
        settings=GREETED,
        caller_in=CALLER_LINE,
        caller_out=CALLER_LINE,
        model_in=MODEL_LINE,
        model_out=MODEL_LINE,
        ends_ms=14_000,
    )
    return msgspec.structs.replace(scenario, **changes)


def over(line: LinkPlan, scenario: Scenario) -> Scenario:
    """The same, with that line to the caller and back."""
    return msgspec.structs.replace(scenario, caller_in=line, caller_out=line)


def says(item: int, ms: int, text: str = WORDS, speed: float = 8.0, latency_ms: int = 250) -> Reply:
    """A reply of one item: number `item` of all the call's, so long."""
    return Reply(items=(ReplyItem(text, ruler(item, ms)),), speed=speed, latency_ms=latency_ms)


def interrupts(item: int, ms: int) -> Cue:
    """The caller says something short when so much of the item has been heard."""
    return Cue(0, after=place(item, ms), audio=speech(240))


def hangs_up(item: int, ms: int) -> Cue:
    """The caller goes soon after so much of the item has been heard."""
    return Cue(150, after=place(item, ms), hang_up=True)


def ms(entry: Entry) -> float:
    """When an entry was written."""
    return entry.at_ns / NS_PER_MS
