"""What holds for a call after every step, whatever came in.

`Watched` steps a call as the bridge does, through the harness of the core's tests, and stands in for the two sockets:
it knows which leg is open by what it told the core itself, so it can say what was commanded to a leg that is not there.
Each step is then held against the laws below. The time that the core asks to be woken at is a law too: woken then, it
must ask for a later time or for none, or the bridge would spin.
"""

from engine.core import CallSettings, Command, Entry, Leg, wire_caller, wire_engine, wire_model
from engine.core import commands as cmd
from engine.core import events as ev
from engine.core.audio import samples_of
from replay.runner import replay
from tests import build
from tests.build import Harness
from tests.replay_calls import log_of

AFTERMATH = (cmd.CloseLeg, cmd.AlignItem, cmd.EndCall)
"""All that may be commanded once a call is being ended."""


class Watched(Harness):
    """A call under watch. `sockets`: whether its legs are real ones, so that no frame comes from a leg that is not
    open. If not, commands to such a leg are no fault of the core's."""

    def __init__(self, settings: CallSettings | None = None, sockets: bool = True) -> None:
        super().__init__(settings, delay_ms=40, answers=False)
        self.seq = 1  # as in a log
        self.open: set[str] = set()
        """Legs that frames may be commanded to."""
        self.heard_from: set[str] = set()
        """Legs that frames may come from: also those that are closing."""
        self.is_dialling = False
        self.is_given_up = False
        """A dial under way that nobody waits for any more."""
        self.is_over = False
        self.words_wanted = 0
        """Times that the audio for a caller without a model was asked for, and not brought yet."""
        self.searched: set[str] = set()
        """Items whose words were ever asked for."""
        self._sockets = sockets
        self._inputs: dict[int, Entry] = {}
        self._names: set[str] = set()
        self._cut_ms: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._longest = 0
        """Samples in a frame of the caller's."""
        self._of_session: set[str] = set()
        self._restored: set[str] = set()

    @property
    def marks(self) -> list[str]:
        """Every mark ever sent."""
        return [each.command.name for each in self.sent if isinstance(each.command, cmd.PlaceMark)]

    def put(self, leg: Leg, text: str, audio: bytes | None = None) -> list[Command]:
        """One input, now. It may be ahead of a timer that is due."""
        cut = {item_id for item_id, item in self.call.conversation.items.items() if item.is_cut}
        was_ending, was_over, seq = self.call.how_ended is not None, self.is_over, self.seq
        commands = super().put(leg, text, audio)
        self._inputs[seq] = self.entries[-1 - len(commands)]
        if leg == "caller":
            self._longest = max(self._longest, len(_audio_of(self._inputs[seq]) or b""))
        self._note_sockets(leg, text)
        self._note_items(leg, text)
        assert not (was_over and commands), f"commanded after the end: {commands}"
        for command in commands:
            assert not isinstance(command, cmd.Fault), command.reason
            assert not was_ending or isinstance(command, AFTERMATH), f"commanded while ending: {command}"
            self._check(command, cut)
        self._check_whole()
        return commands

    def next_ms(self) -> int:
        """The timestamp of the caller's next frame."""
        self._heard_ms += 20
        return self._heard_ms - 20

    def let_pass(self, ns: int) -> None:
        """Let time pass in which nothing arrives. The core is woken whenever it wants to be."""
        until_ns = self.at_ns + ns
        while (wake_at_ns := self.last.wake_at_ns) is not None and wake_at_ns <= until_ns:
            self.at_ns = max(self.at_ns, wake_at_ns)
            self.put("engine", build.timer_due())
            next_ns = self.last.wake_at_ns
            assert next_ns is None or next_ns > self.at_ns, "woken, the core asks to be woken at once"
        self.at_ns = until_ns

    def _note_sockets(self, leg: Leg, text: str) -> None:
        if leg != "engine":
            return
        match wire_engine.decode(text)[1]:
            case ev.LegOpened(leg=name):
                self.open.add(name)
                self.heard_from.add(name)
            case ev.LegClosed(leg=name) | ev.LegFailed(leg=name):
                self.open.discard(name)
                self.heard_from.discard(name)
            case _:
                return
        if name == "model":
            self.is_dialling = self.is_given_up = False
            self._of_session, self._restored = set(), set()

    def _note_items(self, leg: Leg, text: str) -> None:
        """What the model's session has, as far as it said so itself."""
        if leg == "model":
            item_id = getattr(wire_model.decode(text, None)[1], "item_id", None)
            self._of_session |= {item_id} if item_id is not None else set()

    def _check(self, command: Command, cut: set[str]) -> None:
        match command:
            case cmd.PlayAudio():
                self._check_sent("caller")
                self._check_audio(command, cut)
            case cmd.PlaceMark():
                self._check_sent("caller")
                self._check_name(command.name)
            case cmd.ClearPlayout():
                self._check_sent("caller")
            case cmd.DialModel() | cmd.AlignItem() | cmd.LoadWord() | cmd.CloseLeg() | cmd.EndCall() | cmd.Fault():
                self._check_own(command)
            case _:
                self._check_sent("model")
                self._check_for_model(command)

    def _check_for_model(self, command: cmd.ModelCommand) -> None:
        match command:
            case cmd.TruncateItem() | cmd.DeleteItem():
                self._check_name(command.event_id)
                self._check_repair(command)
            case cmd.CreateItem():
                self._check_name(command.event_id)
                self._check_restored(command)
            case cmd.CancelResponse():
                self._check_name(command.event_id)
            case cmd.AppendAudio():
                source = self._inputs[command.source]
                assert _audio_of(source) == command.audio, "the log says that other audio was passed on"

    def _check_own(self, command: cmd.EngineCommand) -> None:
        match command:
            case cmd.DialModel():
                assert not (self._sockets and self.is_dialling), "dialled twice"
                assert not (self._sockets and "model" in self.heard_from), "dialled beside a model that is there"
                self.is_dialling = True
            case cmd.CloseLeg():
                is_dial = command.leg == "model" and self.is_dialling and not self.is_given_up
                assert command.leg in self.open or is_dial or not self._sockets, f"{command.leg} is not there to close"
                self.is_given_up = self.is_given_up or is_dial
                self.open.discard(command.leg)
            case cmd.EndCall():
                self.is_over = True
            case cmd.LoadWord():
                self.words_wanted += 1
            case cmd.AlignItem():
                assert command.item_id in self.call.conversation.items
                self.searched.add(command.item_id)

    def _check_sent(self, leg: str) -> None:
        assert leg in self.open or not self._sockets, f"commanded to the {leg} leg, which is not open"

    def _check_name(self, name: str) -> None:
        assert name not in self._names, f"{name} names two things"
        self._names.add(name)

    def _check_audio(self, command: cmd.PlayAudio, cut: set[str]) -> None:
        source = self._inputs[command.source]
        whole = _audio_of(source) or b""
        assert whole[command.begin : command.end] == command.audio, "the log says that other audio was passed on"
        if source.type == "word.loaded":
            return  # our own, of no item that the model knows
        event = wire_model.decode(source.body, source.audio)[1]
        assert isinstance(event, ev.ItemAudio)
        assert event.item_id not in cut, "played of an item that was cut"
        self._sent[event.item_id] = self._sent.get(event.item_id, 0) + len(command.audio)

    def _check_repair(self, command: cmd.TruncateItem | cmd.DeleteItem) -> None:
        item = self.call.conversation.items[command.item_id]
        assert item.item_id in self._of_session or not self._sockets, "the model's session has no such item"
        before_ms = self._cut_ms.get(item.item_id, item.generated_ms() + 1)
        after_ms = command.audio_end_ms if isinstance(command, cmd.TruncateItem) else 0
        assert before_ms > after_ms, f"{item.item_id} was cut to {before_ms}, and now to {after_ms}"
        assert after_ms > 0 or isinstance(command, cmd.DeleteItem), "a truncate at 0 is an error"
        self._cut_ms[item.item_id] = after_ms

    def _check_restored(self, command: cmd.CreateItem) -> None:
        """Told once in a session, at a place that there is; of an answer, no more than was heard."""
        item_id = str(command.item["id"])
        item = self.call.conversation.items[item_id]
        assert item_id not in self._restored, f"{item_id} is told twice"
        if command.previous_item_id not in (None, "root"):
            assert command.previous_item_id in self._of_session | self._restored or not self._sockets
        self._restored.add(item_id)
        content = command.item.get("content")
        if isinstance(content, list) and item.role != "user":
            text = content[0]["text"]
            assert text, "nothing is told"
            assert item.transcript.startswith(text), "told what was never said"
            assert item.heard_samples, "told what was never heard"

    def _check_whole(self) -> None:
        call = self.call
        for item_id, samples in self._sent.items():
            assert call.conversation.items[item_id].sent_samples == samples
        session, limits = call.session, call.settings.limits
        assert session.pending_samples == sum(len(audio) for _, _, audio in session.pending)
        most = samples_of(limits.pending_audio_ms_max)
        assert session.pending_samples <= most
        assert sum(len(audio) for _, _, audio in session.recent) <= most + self._longest
        assert call.ended == self.is_over

    def replayed(self, cut_at: int | None = None) -> None:
        """The log, cut at any entry, replays as it was lived."""
        entries = self.entries[:cut_at]
        result = replay(log_of(entries, self.call.settings))
        assert result.verdict == "same", f"{result.reason}: {result.divergence}"
        assert result.cut == (not any(entry.type == "end_call" for entry in entries))


def _audio_of(entry: Entry) -> bytes | None:
    """The audio that a frame brought. Of one that could not be cut it stands in the body (docs/LOG_FORMAT.md)."""
    if entry.audio is not None:
        return entry.audio
    decode = wire_caller.decode if entry.leg == "caller" else wire_model.decode
    event = decode(entry.body, None)[1]
    return event.audio if isinstance(event, ev.CallerAudio | ev.ItemAudio) else None
