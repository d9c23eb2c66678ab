"""The model leg is lost and comes back: what that means for the rest of the call.

Lost: what the model was generating is done; what was sent of it plays on, for the caller still hears it. The caller's
audio is kept. What the caller had last said goes to the next session as audio once more, where its words are not known
and it was not answered. Back: the conversation is restored (`restoring`), then the kept audio is let in.
"""

from engine.core.barge_in import BargeIn
from engine.core.commands import Command, CreateItem
from engine.core.conversation import Item
from engine.core.model_leg import ModelLeg
from engine.core.restoring import Restoring
from engine.core.session import ModelSession
from engine.core.turns import CallerTurns


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

    def lose(self, seq: int, at_ns: int, reason: str) -> None:
        """The model leg is gone, or is being closed; entry `seq` says so."""
        session, turns = self._session, self._turns
        was_ready = session.is_ready
        self._leg.lost(seq, at_ns, self._hearing.stream.now(at_ns), reason, was_ready=was_ready)
        if not was_ready:
            session.lost()
            return
        responses = self._conversation.lost()
        for response in responses:
            self._barge_in.response_lost(response)
        is_cut_short = any(not response.was_cut for response in responses)
        is_owed = is_cut_short or (not turns.is_answered and self._session.settings.vad.create_response)
        again_from = turns.lost() if is_owed else None
        is_all = session.lost(again_from)
        if again_from is not None:
            for item in turns.latest:
                item.is_resent = is_all
        self._restoring.owe_answer(is_owed and again_from is None)

    def back(self, at_ns: int) -> list[Command]:
        """A session is as we want it. Where there is nothing to restore, it is the call's first, or as good as that."""
        commands = self._count(self._restoring.begin())
        self._leg.ready(self._hearing.stream.now(at_ns))
        if not commands and not self._restoring.is_unfinished and not self._turns.latest:
            commands = self._session.greet()
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
