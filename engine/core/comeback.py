"""The model leg is lost and comes back: what that means for the rest of the call.

Lost: what the model was generating is done; what was sent of it plays on, for the caller still hears it. The caller's
audio is kept. What the caller had last said goes to the next session as audio once more, where its words are not known
and it was not answered; so does what was said since the lost one last gave a sign of life, for it may not have heard
that. An answer that is owed stays owed until the model begins it, however often it is lost. Back:
the conversation is restored (`restoring`), then the kept audio is let in.
"""

from engine.core.audio import samples_of
from engine.core.barge_in import BargeIn
from engine.core.commands import Command, CreateItem
from engine.core.conversation import NO_SESSION, Item
from engine.core.machines import Socket
from engine.core.model_leg import ModelLeg
from engine.core.restoring import Restoring
from engine.core.session import ModelSession
from engine.core.turns import CallerTurns

UNDER_WAY_MS = 1_000
"""What a session that was well to its end may not have told of yet: the time from an onset to the news of it."""
SAME_ONSET_MS = 200
"""How far two accounts of one onset may differ."""


class Comeback:
    """See above."""

    def __init__(
        self, leg: ModelLeg, session: ModelSession, turns: CallerTurns, barge_in: BargeIn, restoring: Restoring
    ) -> None:
        self._leg = leg
        self._session = session
        self._turns = turns
        self._barge_in = barge_in
        self._restoring = restoring
        self._conversation = restoring.conversation
        self._hearing = restoring.hearing
        self._again: list[Item] = []
        """The caller's last turn, which the next session is to hear once more, until it has."""
        self._signed_at = 0
        """Stream time at the last frame of the model."""

    def lose(self, seq: int, at_ns: int, reason: str, *, is_abrupt: bool) -> None:
        """The model leg is gone, or is being closed; entry `seq` says so. Abrupt: nobody knows since when."""
        session, turns, now = self._session, self._turns, self._hearing.stream.now(at_ns)
        was_ready = session.is_ready
        self._leg.lost(seq, at_ns, now, reason, was_ready=was_ready)
        if not was_ready:
            session.lost()
            return
        responses = self._conversation.lost()
        for response in responses:
            self._barge_in.response_lost(response)
        is_cut_short = any(not response.was_cut for response in responses)
        is_waiting = not turns.is_answered and session.settings.vad.create_response
        is_owed = is_cut_short or is_waiting or self._restoring.is_owing or bool(self._again)
        turn_from = turns.lost() if is_owed else None
        self._again = [*turns.latest] if turn_from is not None else []
        unheard_from = max(0, self._signed_at - samples_of(session.settings.vad.prefix_padding_ms))
        if not is_abrupt:
            unheard_from = max(unheard_from, now - samples_of(UNDER_WAY_MS))
        session.lost(unheard_from if turn_from is None else min(unheard_from, turn_from))
        self._restoring.owe_answer(is_owed and turn_from is None)

    def is_given_up(self, at_ns: int) -> bool:
        """The model said something: whether that is of a session that is being closed, and means nothing any more."""
        self._signed_at = self._hearing.stream.peek(at_ns)
        return self._leg.socket is Socket.CLOSING

    def spoke(self, onset_at: int) -> bool:
        """The caller speaks, by the model's account; whether that is news, and not what it hears again."""
        is_news = not any(
            item.started_at is not None and abs(onset_at - item.started_at) <= samples_of(SAME_ONSET_MS)
            for item in self._again
        )
        self._again = []
        self._restoring.owe_answer(False)
        return is_news

    def back(self, at_ns: int) -> list[Command]:
        """A session is as we want it. Where neither side has said anything yet, it is as if the call began."""
        kept_from, padding = self._session.kept_from, samples_of(self._session.settings.vad.prefix_padding_ms)
        for item in self._again:
            begins_at = max(0, (item.started_at or 0) - padding)
            item.is_resent = kept_from is not None and kept_from <= begins_at
        if any(not item.is_resent for item in self._again):
            self._restoring.owe_answer(True)  # too long ago: what is left of it may be silence
        is_beginning = not any(
            item.sent_samples or item.role == "user" for item in self._conversation.order if item.session != NO_SESSION
        )
        if is_beginning:
            self._restoring.owe_answer(False)
        commands = self._count(self._restoring.begin())
        self._leg.ready(self._hearing.stream.now(at_ns))
        if is_beginning:
            commands += self._session.greet()
        return [*commands, *self._session.let_in()]

    def go_on(self) -> list[Command]:
        """More may be known by now of what is still to be restored."""
        if not self._restoring.is_unfinished or not self._session.is_ready:
            return []
        return self._count(self._restoring.go_on())

    def word(self, name: str, audio: bytes) -> Item | None:
        """The item that tells the caller that the model is away; None if it is back, or something is playing."""
        if self._leg.absence is None or self._hearing.playout.is_unplayed or not audio:
            return None
        return self._conversation.said(name, self._session.settings.away.words, audio)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody speaks, and nobody is about to."""
        is_heard = not self._hearing.playout.is_unplayed and self._barge_in.deadline_ns is None
        return is_heard and self._turns.is_answered and not self._conversation.generating()

    def _count(self, commands: list[Command]) -> list[Command]:
        if self._leg.absences:
            self._leg.absences[-1].restored += sum(isinstance(command, CreateItem) for command in commands)
        return commands
