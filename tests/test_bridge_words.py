"""Words are looked for beside the call, and told to it; no call waits for them for long, and none ends by them."""

import json

import pytest
import trio
import trio.testing

from engine.core.heard import Alignment, Work
from tests.bridge_peers import STOP
from tests.bridge_rig import Rig, bridged

TEXT = "One two three four."


async def hear(rig: Rig) -> None:
    """The caller has heard all of an item that may still grow."""
    await rig.begin()
    await rig.caller.say(0, 4)
    words = {"type": "response.output_audio_transcript.delta", "response_id": "resp_1", "item_id": "item_1"}
    created, audio = rig.model.speaks("item_1", bytes(8_000))
    await rig.model.send(created, json.dumps(words | {"delta": TEXT}), audio)
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(1.5)
    await rig.caller.send(*(frame for frame in rig.caller.frames if json.loads(frame)["event"] == "mark"))
    await trio.testing.wait_all_tasks_blocked()


async def test_the_last_words_are_in_the_log_before_the_end(autojump_clock: trio.testing.MockClock) -> None:
    asked: list[Work] = []

    async def align(work: Work) -> Alignment:
        asked.append(work)
        await trio.sleep(0.5)
        return work.done()

    async with bridged(align=align) as rig:
        await hear(rig)
        await rig.caller.send(STOP)
        story = await rig.end()
        assert story[-6:] == [
            "command engine close_leg",
            "command engine close_leg",
            *["input engine leg.closed"] * 2,
            "input engine item.aligned",
            "command engine end_call",
        ]
        (work,) = asked
        assert rig.log.body("align_item") == {
            "type": "align_item",
            "item_id": "item_1",
            "audio_ms": 1000,
            "characters": len(TEXT),
            "complete": False,
            "frames_per_letter": None,
        }
        assert rig.log.entries[-1].at_ns == 2_000_000_000
        assert rig.call.conversation.items["item_1"].alignment == work.done()


async def test_a_call_does_not_wait_for_words_that_never_come(autojump_clock: trio.testing.MockClock) -> None:
    async def align(work: Work) -> Alignment:
        await trio.sleep_forever()
        raise AssertionError

    async with bridged(align=align) as rig:
        await hear(rig)
        await rig.caller.send(STOP)
        story = await rig.end()
        assert story[-2:] == ["input engine timer.due", "command engine end_call"]
        assert rig.log.entries[-1].at_ns == 3_500_000_000
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_a_search_that_fails_is_said_and_ends_no_call(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async def align(work: Work) -> Alignment:
        raise RuntimeError("no process")

    async with bridged(align=align) as rig:
        await hear(rig)
        await rig.caller.send(STOP)
        story = await rig.end()
        # Tasks end in any order. The call is over when all have, and waits for nothing more.
        assert sorted(story[-4:-1]) == [*["input engine item.unaligned"], *["input engine leg.closed"] * 2]
        assert story[-1] == "command engine end_call"
        assert rig.log.entries[-1].at_ns == 1_500_000_000
        assert rig.log.body("item.unaligned")["reason"] == "no process"
        assert rig.log.body("end_call")["ended"] == "stop"
    (said,) = [line for line in capsys.readouterr().err.splitlines() if " align.failed " in line]
    assert said.endswith('error="RuntimeError: no process"')


async def test_a_call_that_nothing_was_heard_of_ends_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.entries[-1].at_ns == 0
