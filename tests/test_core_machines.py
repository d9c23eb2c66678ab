"""The tables are the machines: no hole in them, no state that nothing leads to, none that is left by mistake."""

from enum import Enum
from itertools import product
from typing import Any

import pytest

from engine.core import machines
from engine.core.machines import (
    CallFact,
    Calling,
    Generating,
    PlayFact,
    Playing,
    ResponseFact,
    Session,
    SessionFact,
    Socket,
    SocketFact,
    after,
    is_over,
)

Table = dict[Any, dict[Any, Any]]
MACHINES: dict[str, tuple[Table, type[Enum], type[Enum], Enum]] = {
    "call": (machines.CALL, Calling, CallFact, Calling.AWAITING_START),
    "socket": (machines.SOCKET, Socket, SocketFact, Socket.ABSENT),
    "session": (machines.SESSION, Session, SessionFact, Session.NONE),
    "response": (machines.RESPONSE, Generating, ResponseFact, Generating.GENERATING),
    "playout": (machines.PLAYOUT, Playing, PlayFact, Playing.SILENT),
}
LAST = {
    "call": {Calling.ENDED},
    "socket": set(),
    "session": set(),
    "response": {Generating.DONE},
    "playout": {Playing.SETTLED},
}
"""States that a machine never leaves."""

each_machine = pytest.mark.parametrize("name", MACHINES)


@each_machine
def test_every_state_answers_every_fact(name: str) -> None:
    table, states, facts, _ = MACHINES[name]
    assert list(table) == list(states)
    for state in states:
        assert list(table[state]) == list(facts), state
        assert all(isinstance(target, states) for target in table[state].values())


@each_machine
def test_every_state_can_be_reached(name: str) -> None:
    table, states, _, first = MACHINES[name]
    reached, fresh = {first}, [first]
    while fresh:
        fresh = [target for state in fresh for target in set(table[state].values()) - reached]
        reached.update(fresh)
    assert reached == set(states)


@each_machine
def test_only_last_states_are_for_ever(name: str) -> None:
    table, states, facts, _ = MACHINES[name]
    assert {state for state in states if set(table[state].values()) == {state}} == LAST[name]
    assert all(any(table[state][fact] is not state for state in states) for fact in facts), "a fact that moves nothing"


def test_after_reads_the_table() -> None:
    assert after(machines.RESPONSE, Generating.GENERATING, ResponseFact.CUT) is Generating.CUT


def test_nothing_but_a_new_dial_brings_a_closed_leg_back() -> None:
    row = machines.SOCKET[Socket.CLOSED]
    assert {fact: state for fact, state in row.items() if state is not Socket.CLOSED} == {
        machines.SocketFact.DIALLED: Socket.DIALLING
    }


def test_a_late_fact_does_not_bring_anything_back() -> None:
    """The benign races: rows that say `nothing happens`."""
    assert after(machines.RESPONSE, Generating.DONE, ResponseFact.CUT) is Generating.DONE
    assert after(machines.PLAYOUT, Playing.FLUSHING, PlayFact.DRAINED) is Playing.FLUSHING
    assert after(machines.SOCKET, Socket.CLOSING, SocketFact.OPENED) is Socket.CLOSING
    assert after(machines.CALL, Calling.ENDING, CallFact.STARTED) is Calling.ENDING


def test_a_call_is_over_when_it_is_ending_and_neither_leg_has_a_socket_and_no_words_are_looked_for() -> None:
    gone = {Socket.ABSENT, Socket.CLOSED}
    for call, caller, model in product(Calling, Socket, Socket):
        assert is_over(call, caller, model, is_searching=False) == (call is Calling.ENDING and {caller, model} <= gone)
        assert not is_over(call, caller, model, is_searching=True)
