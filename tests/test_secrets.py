"""No secret in anything that is written: calls are run with secrets that can be told from all else, and every byte is
looked through for them: stdout, stderr, logs, pages, answers, what went over the wire.

A secret counts as found by its first eight letters, in any of the ways in which a program would write it.
"""

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import trio
from click.testing import CliRunner
from trio_websocket import wrap_server_stream

from engine import hiding
from engine.bridge import Bridge
from engine.cli import main
from engine.sim.caller import Cue
from engine.sim.calling import place_call
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Serving, serve_model
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import ruler
from replay import cli
from tests.bridge_peers import CONNECTED, Model, start
from tests.server_rig import UPGRADE, ask, end_of, listening, sealed, serving

API_KEY = "sk-Wq7ZkT9xL2mV5nR8pB3cJ6yF1hD4gS0a"
AUTH_TOKEN = "9f3ac61b7e5d2840fb1c86e7a2d94053"
OLD_AUTH_TOKEN = "75d1e08c3b9a4f26d5170c8e6fb2a934"
SHARED_KEY = "Zr4KvY8tQ1wXn6MjH3uE9oGb"
LOG_KEY = b64encode(bytes(range(200, 232))).decode()
LETTERS = 8
PUBLIC_URL = "https://calls.invalid"


def needles() -> Iterator[bytes]:
    """The beginning of each secret, as it is, escaped, in hexadecimal, and in base64 wherever it stands in it."""
    secrets = [text.encode() for text in (API_KEY, AUTH_TOKEN, OLD_AUTH_TOKEN, SHARED_KEY, LOG_KEY)]
    for secret in (*secrets, bytes(range(200, 232))):
        begin = secret[:LETTERS]
        yield begin
        yield quote(begin).encode()
        yield begin.hex().encode()
        for ahead in range(3):
            encoded = b64encode(bytes(ahead) + secret)
            yield encoded[-(-ahead * 8 // 6) :][:LETTERS]


NEEDLES = tuple(needles())


def found_in(text: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in text]


def assert_clean(*texts: str | bytes, folder: Path | None = None) -> None:
    for text in texts:
        assert found_in(text.encode() if isinstance(text, str) else text) == []
    for path in folder.rglob("*") if folder is not None else ():
        assert found_in(str(path).encode()) == []
        assert not path.is_file() or found_in(path.read_bytes()) == [], path


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What a process hides, it hides for good; the tests are one process."""
    before = set(hiding._hidden)
    yield
    hiding._hidden.clear()
    hiding._pattern = None
    hiding.hide(before)


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[dict[str, str | None]]:
    """For CliRunner: these settings and no others."""
    yield {**{name: None for name in os.environ if name not in ("PATH", "HOME")}, **settings}


def test_the_needles_find_what_they_are_for() -> None:
    for secret in (API_KEY, AUTH_TOKEN, SHARED_KEY, LOG_KEY):
        for header in (f"{secret}", f"Bearer {secret}", f"user:{secret}", f"xx:{secret}", f"xxx:{secret}"):
            assert found_in(header.encode())
            assert found_in(b64encode(header.encode()))
    assert found_in(b"Incorrect API key: sk-Wq7Zk***")
    assert not found_in(b"Incorrect API key: sk-Wq7***")


# A bridge as it is started


def settings(model_url: str, folder: Path) -> dict[str, str]:
    return {
        "OPENAI_REALTIME_URL": model_url,
        "OPENAI_API_KEY": API_KEY,
        "TWILIO_AUTH_TOKEN": f"{AUTH_TOKEN},{OLD_AUTH_TOKEN}",
        "TWILIO_SIGNATURE_KEY": SHARED_KEY,
        "LOG_KEY": LOG_KEY,
        "PUBLIC_URL": PUBLIC_URL,
        "CALLS_DIR": str(folder / "calls"),
        "HOST": "127.0.0.1",
        "PORT": "0",
    }


REQUESTS: tuple[tuple[str, str, dict[str, str], bytes], ...] = (
    ("GET", "/healthz", {}, b""),
    ("POST", "/twiml", {"X-Twilio-Signature": "wrong"}, b"CallSid=CA1"),
    ("GET", "/media", UPGRADE | {"X-Twilio-Signature": "wrong"}, b""),
    ("POST", "/twiml", {"X-Twilio-Webhooks-Signature-Settings": f"algorithm={SHARED_KEY}"}, b"CallSid=CA1"),
)
"""All but the first are refused, in words."""


def make_model() -> RealtimeModel:
    reply = Reply(items=(ReplyItem("Hello, this is the bakery.", ruler(9, 400)),), latency_ms=5, text_lead_ms=1)
    return RealtimeModel(ModelPlan(replies=(reply,)))


async def test_a_bridge_with_every_secret_and_all_that_is_made_of_its_call(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    model: Serving = await nursery.start(partial(serve_model, make_model, key=API_KEY))
    given = settings(model.url, tmp_path)
    stderr = os.open(tmp_path / "stderr", os.O_WRONLY | os.O_CREAT)
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "engine", "serve", "--verbose"],
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    os.close(stderr)
    assert process.stdout is not None
    try:
        said = (await process.stdout.receive_some()).decode()
        port = said.split("http://127.0.0.1:")[1].split(";")[0]
        edge = TwilioEdge(EdgePlan(cues=(Cue(300, hang_up=True),)))
        front = await place_call(f"http://127.0.0.1:{port}", edge, auth_token=AUTH_TOKEN, public_url=PUBLIC_URL)
        assert len(front.frames) > 10
        answers = [await ask(await trio.open_tcp_stream("127.0.0.1", int(port)), *request) for request in REQUESTS]
        told = await trio.to_thread.run_sync(ask_doctor, given | {"PORT": port})
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        process.kill()
        await process.stdout.aclose()
    made = ask_replay(given, tmp_path)
    (log,) = sealed(tmp_path / "calls")
    assert log.stem == edge.plan.call_sid
    assert_clean(said, *(text for _, text in answers), *told, *made, folder=tmp_path)
    assert_clean(*(kept.frame for kept in front.frames))
    assert "call.ended" in (tmp_path / "stderr").read_text()
    nursery.cancel_scope.cancel()


def ask_doctor(given: Mapping[str, str]) -> list[str]:
    """What `bridge doctor` says of a server whose public address nobody has."""
    with environment(given) as env:
        done = [CliRunner().invoke(main, ["doctor", *flags], env=env) for flags in ([], ["--json"])]
    assert [one.exit_code for one in done] == [1, 1]
    return [one.output for one in done]


def ask_replay(given: Mapping[str, str], folder: Path) -> list[str]:
    """What `replay` says of the call, and writes."""
    commands = [
        "last",
        "last --json",
        "events last",
        "state last --at end",
        f"view last -o {folder / 'call.html'}",
        f"report {given['CALLS_DIR']} -o {folder / 'site'}",
        f"pin last -o {folder / 'call.calllog.jsonl'}",
        f"redact last -o {folder / 'redacted.db'}",
        "ls --json",
    ]
    with environment(given) as env:
        done = [CliRunner().invoke(cli.cli, command.split(), env=env) for command in commands]
        done.append(CliRunner().invoke(main, ["purge", "--call", "last", "--dry-run"], env=env))
    assert [(one.exit_code, one.exception) for one in done] == [(0, None)] * len(done)
    return [one.output for one in done]


# What others say


class Refusing(Model):
    """Answers every upgrade with these words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            await request.reject(401, body=self.words.encode())
            await stream.aclose()


SECRETS = {"auth_token": AUTH_TOKEN, "signature_key": SHARED_KEY, "verbose": True}


@pytest.mark.parametrize("key", [API_KEY, AUTH_TOKEN[::-1]], ids=["as-openai's", "of-another-form"])
@pytest.mark.parametrize(
    "words",
    [
        '{{"error":{{"message":"Incorrect API key provided: {key}.","code":"invalid_api_key"}}}}',
        '{{"error":{{"message":"Incorrect API key provided: {part}***","code":"{key}"}}}}',
        "<html><b>401</b> for Authorization: Bearer {key}</html>",
        "{key}",
    ],
    ids=["whole", "a-part", "a-proxy's-page", "nothing-else"],
)
async def test_a_model_that_quotes_the_key_it_refuses(
    tmp_path: Path, nursery: trio.Nursery, capfd: pytest.CaptureFixture[str], key: str, words: str
) -> None:
    refusing = Refusing(words.format(key=key, part=key[:12]))
    async with serving(tmp_path, model_url=await listening(nursery, refusing), api_key=key, **SECRETS) as rig:
        caller = await rig.caller(AUTH_TOKEN)
        await caller.send(CONNECTED, start())
        code, reason = await caller.close_reason()
        await rig.server.all_over()
        health = await rig.health()
        ended, why = end_of(rig.logs()[0])
    out, err = capfd.readouterr()
    assert (code, ended) == (1011, "model_failed")
    assert "refused with status 401: " in why
    assert key[:LETTERS] not in f"{reason}{health}{why}{out}{err}"
    assert not rig.holds(key[:LETTERS].encode())
    assert_clean(out, err, str(health), folder=tmp_path)
    nursery.cancel_scope.cancel()


async def test_a_model_that_sends_the_key_in_a_frame(
    tmp_path: Path, nursery: trio.Nursery, capfd: pytest.CaptureFixture[str]
) -> None:
    """The one way for a secret into a log, which keeps every frame as it came. It goes no further."""
    words = f'{{"type":"error","error":{{"code":"invalid_api_key","message":"Incorrect API key provided: {API_KEY}"}}}}'
    model = Model(first=words)
    async with serving(tmp_path, model_url=await listening(nursery, model), api_key=API_KEY, **SECRETS) as rig:
        caller = await rig.caller(AUTH_TOKEN)
        await caller.send(CONNECTED, start())
        closed = await caller.close_reason()
        await rig.server.all_over()
        assert rig.holds(words.encode())
        assert_clean(str(closed), str(await rig.health()))
    said = capfd.readouterr().err
    assert_clean(said)
    assert "Incorrect API key provided: (hidden)" in said
    nursery.cancel_scope.cancel()


async def test_a_crash_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(self: Bridge, leg: str, frame: bytes) -> None:
        raise ZeroDivisionError(f"in the middle of Authorization: Bearer {API_KEY}, {AUTH_TOKEN}")

    monkeypatch.setattr(Bridge, "binary_received", broken)
    async with serving(tmp_path, api_key=API_KEY, **SECRETS) as rig:
        caller = await rig.caller(AUTH_TOKEN)
        await caller.send(b"x")
        await caller.closed.wait()
        await rig.server.all_over()
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert "in the middle of Authorization: Bearer (hidden), (hidden)" in said
    assert_clean(said, folder=tmp_path)


# What cannot be started


@pytest.mark.parametrize("command", ["serve", "doctor"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"OPENAI_REALTIME_URL": f"wss://{API_KEY}@model.example/v1"},
        {"OPENAI_REALTIME_URL": f"wss://key:{API_KEY}@model.example/v1"},
        {"OPENAI_REALTIME_URL": f"wss://model.example:{API_KEY}/v1"},
        {"OPENAI_REALTIME_URL": f"wss://model.example/v1?key={API_KEY}"},
        {"OPENAI_REALTIME_URL": f"https://model.example/{API_KEY}"},
        {"OPENAI_REALTIME_URL": API_KEY},
        {"OPENAI_API_KEY": f"{API_KEY} "},
        {"TWILIO_AUTH_TOKEN": f"{AUTH_TOKEN} {AUTH_TOKEN}"},
        {"TWILIO_SIGNATURE_KEY": f"{SHARED_KEY}\x7f"},
        {"PUBLIC_URL": f"https://{AUTH_TOKEN}@calls.example.com"},
        {"PUBLIC_URL": f"https://calls.example.com:{AUTH_TOKEN}"},
        {"PUBLIC_URL": f"https://calls.example.com/?token={AUTH_TOKEN}"},
        {"LOG_KEY": LOG_KEY[:-3]},
        {"LOG_KEY": f"{LOG_KEY},{LOG_KEY}x"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_setting_that_is_refused_is_not_quoted(tmp_path: Path, command: str, wrong: dict[str, str]) -> None:
    given = settings("ws://127.0.0.1:9/v1", tmp_path) | wrong
    with environment(given) as env:
        done = CliRunner().invoke(main, [command], env=env)
    assert done.exit_code == (2 if command == "serve" else 1)
    assert next(iter(wrong)) in done.output
    assert_clean(done.output)
