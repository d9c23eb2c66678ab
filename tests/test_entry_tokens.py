"""The one-time token from /twiml to `start`: whose it is, how long it holds, and that it holds once."""

import hmac
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.core import Entry
from engine.sim.calling import Connect, NotConnectedError, ask_webhook, connect_of
from engine.tokens import PARAMETER, SECONDS_MAX, Tokens
from tests.bridge_peers import CALL_SID, CONNECTED, STOP, Caller, Model, start
from tests.server_rig import PUBLIC_URL, TOKEN, Rig, end_of, entries, listening, serving

OTHER_SID = "CA" + "8" * 32
WEBHOOK = f"{PUBLIC_URL}/twiml"


class Clock:
    """The wall clock, as a test sets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def nonces() -> Iterator[str]:
    return (f"{number:016x}" for number in count(1))


def tokens(clock: Clock, *secrets: str) -> Tokens:
    counted = nonces()
    return Tokens(secrets or (TOKEN,), SECONDS_MAX, clock, lambda: next(counted))


def test_a_token_is_what_is_written_of_it() -> None:
    """So that a webhook in any language can make one: this is all of the recipe."""
    key = hmac.digest(TOKEN.encode(), b"playhead media token 1", "sha256")
    mac = hmac.new(key, f"1800000060.0000000000000001.{CALL_SID}".encode(), "sha256").hexdigest()
    assert tokens(Clock()).issue(CALL_SID) == f"1800000060.0000000000000001.{mac}"


def test_a_token_admits_its_call_once() -> None:
    ours = tokens(Clock())
    token = ours.issue(CALL_SID)
    assert ours.admit(CALL_SID, token) is None
    assert ours.admit(CALL_SID, token) == "playhead_token was used before"
    assert ours.admit(CALL_SID, ours.issue(CALL_SID)) is None


def test_any_worker_knows_a_token_that_another_gave_out() -> None:
    clock = Clock()
    assert tokens(clock).admit(CALL_SID, tokens(clock).issue(CALL_SID)) is None


def test_a_token_expires_and_is_forgotten() -> None:
    clock = Clock()
    ours = tokens(clock)
    unused, used = ours.issue(CALL_SID), ours.issue(CALL_SID)
    assert ours.admit(CALL_SID, used) is None
    assert remembered(ours) == 1
    clock.now += SECONDS_MAX - 0.5
    assert ours.admit(CALL_SID, used) == "playhead_token was used before"
    clock.now += 3.5
    assert ours.admit(CALL_SID, used) == "playhead_token expired 3 s ago"
    assert remembered(ours) == 0
    assert ours.admit(CALL_SID, unused) == "playhead_token expired 3 s ago"


def remembered(ours: Tokens) -> int:
    return len(ours._spent)


FOREIGN = "playhead_token was not issued for this call"
ABSENT = "start has no parameter playhead_token, which /twiml gives to each call"


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", ABSENT),
        ("x", FOREIGN),
        ("..", FOREIGN),
        ("1800000060.0000000000000001.", FOREIGN),
        ("é.é.é", FOREIGN),
        ("\ud800.\ud800.\ud800", FOREIGN),
        ("9" * 5000 + ".0." + "0" * 64, FOREIGN),
    ],
)
def test_what_is_no_token(token: str, why: str) -> None:
    ours = tokens(Clock())
    ours.issue(CALL_SID)
    assert ours.admit(CALL_SID, token) == why
    assert remembered(ours) == 0


def test_a_token_of_another_call_another_key_or_another_time() -> None:
    ours, theirs = tokens(Clock()), tokens(Clock(), "another account")
    token = ours.issue(CALL_SID)
    expires, nonce, mac = token.split(".")
    for foreign in (
        theirs.issue(CALL_SID),
        ours.issue(OTHER_SID),
        f"{int(expires) + 3600}.{nonce}.{mac}",
        f"{expires}.{nonce}.{mac.upper()}",
        f"{expires}.{nonce}.{mac[:-1]}",
        f"{expires}.{nonce}{mac}",
        f" {token}",
    ):
        assert ours.admit(CALL_SID, foreign) == FOREIGN
    assert ours.admit(CALL_SID, token) is None


def test_where_the_nonce_ends_and_the_call_begins_is_not_negotiable() -> None:
    """One text was signed; read with another dot in it, it would be the token of another call."""
    ours = tokens(Clock())
    expires, nonce, mac = ours.issue("XX.CA1").split(".")
    assert ours.admit("CA1", f"{expires}.{nonce}.XX.{mac}") == FOREIGN


def test_while_the_auth_token_is_exchanged_both_admit() -> None:
    clock = Clock()
    before, during, after = tokens(clock, "old"), tokens(clock, "old", "new"), tokens(clock, "new")
    assert during.admit(CALL_SID, before.issue(CALL_SID)) is None
    assert during.admit(CALL_SID, after.issue(CALL_SID)) is None
    assert after.admit(CALL_SID, before.issue(CALL_SID)) == FOREIGN


@given(st.text(), st.text())
def test_no_text_is_a_token_and_none_breaks_it(call_sid: str, token: str) -> None:
    assert tokens(Clock()).admit(call_sid, token) in (FOREIGN, ABSENT)


# Through the server, with signatures


async def webhook(rig: Rig, call_sid: str = CALL_SID) -> Connect:
    """What Twilio is told to do with a call."""
    return await ask_webhook(await rig.connect(), WEBHOOK, {"CallSid": call_sid}, TOKEN)


async def refused(rig: Rig, parameters: dict[str, str], call_sid: str = CALL_SID) -> None:
    """Connect with these parameters, and see the call refused: its socket closed, and the model not even dialled."""
    caller = await connected(rig, parameters, call_sid)
    assert await caller.close_reason() == (1008, "refused")
    await rig.server.all_over()


async def connected(rig: Rig, parameters: dict[str, str], call_sid: str = CALL_SID) -> Caller:
    caller = await rig.caller()
    await caller.send(CONNECTED, start(call_sid, parameters=parameters))
    return caller


def refusal_in(entries: list[Entry]) -> str | None:
    return next((entry.body for entry in entries if entry.type == "start.refused"), None)


async def test_a_call_comes_in_with_the_token_of_its_webhook_and_nobody_after_it(
    tmp_path: Path, nursery: trio.Nursery, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who has seen the whole call (its signature, its `start`) plays it again, and then tries variations."""
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model), token_seconds_max=60) as rig:
        told = await webhook(rig)
        assert (told.url, list(told.parameters)) == ("wss://calls.example.com/media", [PARAMETER])
        caller = await connected(rig, told.parameters)
        await model.received(1)
        await caller.send(STOP)
        assert await caller.close_reason() == (1000, "stop")
        await rig.server.all_over()

        await refused(rig, told.parameters)
        await refused(rig, (await webhook(rig)).parameters, OTHER_SID)
        await refused(rig, {PARAMETER: "1800000060.0000000000000001." + "0" * 64})
        await refused(rig, {})
        assert model.connections == 1
        health = await rig.health()
        assert (health["refused"], health["calls_ended"]) == ({"token": 4}, {"stop": 1, "refused": 4})
        logs = {log.stem: log for log in rig.logs()}
        first = logs.pop(CALL_SID)
        assert end_of(first) == ("stop", "Twilio said stop")
        assert refusal_in(entries(first)) is None
        assert {name: refusal_in(entries(log)) for name, log in logs.items()} == {
            f"{CALL_SID}.2": '{"type":"start.refused","reason":"playhead_token was used before"}',
            OTHER_SID: f'{{"type":"start.refused","reason":"{FOREIGN}"}}',
            f"{CALL_SID}.3": f'{{"type":"start.refused","reason":"{FOREIGN}"}}',
            f"{CALL_SID}.4": f'{{"type":"start.refused","reason":"{ABSENT}"}}',
        }
        assert {end_of(log)[0] for log in logs.values()} == {"refused"}
        token = told.parameters[PARAMETER]
        # The log is lossless, so the frame with the token is in it. By then it is spent.
        assert any(token in entry.body for entry in entries(first))
    said = capsys.readouterr().err
    assert said.count(f" call.refused call={CALL_SID} why=") == 3
    assert token not in said
    nursery.cancel_scope.cancel()


async def test_no_token_is_given_to_what_is_no_call(tmp_path: Path) -> None:
    async with serving(tmp_path, token_seconds_max=60) as rig:
        with pytest.raises(NotConnectedError) as refusal:
            await ask_webhook(await rig.connect(), WEBHOOK, {"MessageSid": "SM1"}, TOKEN)
        assert refusal.value.status == 400
        assert refusal.value.text == "the webhook names no CallSid: is it that of a phone number's voice calls?\n"


@pytest.mark.parametrize("changes", [{"token_seconds_max": 0}, {"token_seconds_max": 60, "auth_token": None}])
async def test_where_no_token_is_asked_for(tmp_path: Path, nursery: trio.Nursery, changes: dict[str, object]) -> None:
    """Switched off, or `--insecure`: /twiml gives none, and a call needs none."""
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model), **changes) as rig:
        assert (await webhook(rig)).parameters == {}
        caller = await connected(rig, {})
        await model.received(1)
        await caller.send(STOP)
        assert await caller.close_reason() == (1000, "stop")
    nursery.cancel_scope.cancel()


def test_a_busy_tone_is_no_connection() -> None:
    text = '<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy"/></Response>'
    with pytest.raises(NotConnectedError, match="status 200: "):
        connect_of(200, text)
