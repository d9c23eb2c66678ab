"""`bridge word`: the model says a sentence in the agent's voice, and a WAV file of it is written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from engine.cli import main
from engine.core import CallSettings
from engine.core.settings import Away
from engine.dial import Dialer
from engine.sim.fronts import Serving, serve_model
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import ruler
from engine.speak import SAY, SpeakError, Spoken, speak
from engine.word import load_word, wav_of

WORDS = "Einen Moment, bitte."
AUDIO = ruler(1, 600)
SAYS_IT = ModelPlan(replies=(Reply(items=(ReplyItem(WORDS, AUDIO),)),))


@asynccontextmanager
async def serving(plan: ModelPlan, key: str | None = None) -> AsyncIterator[Serving]:
    async with trio.open_nursery() as nursery:
        started = await nursery.start(serve_model, lambda: RealtimeModel(plan), "127.0.0.1", 0)
        assert isinstance(started, Serving)
        yield started
        nursery.cancel_scope.cancel()


async def test_the_model_says_it_in_the_agents_voice() -> None:
    async with serving(SAYS_IT) as model:
        dialled = await Dialer(model.url, "sk-test")("gpt-realtime-2.1")
        assert await speak(dialled, CallSettings(voice="cedar"), WORDS) == Spoken(AUDIO, WORDS)
        machine = model.sessions[0].machine
        assert isinstance(machine, RealtimeModel)
        assert machine.session["audio"]["output"]["voice"] == "cedar"
        assert machine.errors == []


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (ModelPlan(), "the model's response was completed, and nothing in it was spoken"),
        (ModelPlan(key_is_invalid=True), "invalid_api_key: Incorrect API key provided."),
        (ModelPlan(refuses_update=True), "invalid_value: The session cannot be updated like this."),
    ],
    ids=["silence", "key", "session"],
)
async def test_a_model_that_does_not_say_it(plan: ModelPlan, why: str) -> None:
    async with serving(plan) as model:
        dialled = await Dialer(model.url, "sk-test")("gpt-realtime-2.1")
        with pytest.raises(SpeakError) as refused:
            await speak(dialled, CallSettings(), WORDS)
        assert str(refused.value) == why


class TestTheCommand:
    """In a thread beside the simulated model, as a user would run it."""

    async def run(self, url: str, *args: str | Path) -> Result:
        wanted = ["word", *map(str, args), "--openai-realtime-url", url, "--openai-api-key", "sk-test"]
        return await trio.to_thread.run_sync(lambda: CliRunner().invoke(main, wanted))

    async def test_what_it_writes_is_what_a_bridge_plays(self, tmp_path: Path) -> None:
        path = tmp_path / "moment.wav"
        async with serving(SAYS_IT) as model:
            done = await self.run(model.url, WORDS, "-o", path)
        assert (done.exit_code, done.output) == (
            0,
            f'{path}: 0.6 s, "{WORDS}". Listen to it before callers do.\n',
        )
        assert path.read_bytes() == wav_of(AUDIO)
        assert load_word(Away(words=WORDS, audio="moment.wav"), tmp_path) == AUDIO

    async def test_it_overwrites_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "moment.wav"
        path.write_bytes(b"precious")
        done = await self.run("ws://127.0.0.1:1", WORDS, "-o", path)
        assert (done.exit_code, path.read_bytes()) == (2, b"precious")
        assert "is there already" in done.output

    async def test_it_says_why_there_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "moment.wav"
        done = await self.run("ws://127.0.0.1:1", WORDS, "-o", path)
        assert done.output == "Error: the model cannot be reached: no connection to 127.0.0.1:1: Connection refused\n"
        async with serving(ModelPlan()) as model:
            done = await self.run(model.url, WORDS, "-o", path)
        assert done.output == "Error: the model's response was completed, and nothing in it was spoken\n"
        done = await self.run("http://model", WORDS, "-o", path)
        assert done.output == "Error: OPENAI_REALTIME_URL must be wss://… or ws://…\n"
        async with serving(SAYS_IT) as model:
            done = await self.run(model.url, WORDS, "-o", tmp_path / "nowhere" / "moment.wav")
        assert done.output.endswith("moment.wav: No such file or directory\n")
        assert (done.exit_code, path.exists()) == (2, False)


def test_what_is_asked_for_is_quoted() -> None:
    assert SAY.endswith(": ")
