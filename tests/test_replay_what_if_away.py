"""`replay what-if` of a call whose model was lost: to wait longer for it, to say nothing meanwhile, to give it up."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.away_calls import DROPS, TOLD, WORD, away
from tests.build import in_call
from tests.what_if_calls import run, story

HEARS = "From there on it hears a caller who has heard something else"


def asked(path: Path, *texts: str) -> dict[str, Any]:
    """The answer as data."""
    done = run(path, *texts, options=["--json"])
    assert (done.exit_code in (0, 1), done.stderr) == (True, "")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def told(made: dict[str, Any], *types: str) -> list[tuple[str, str, int | None, int | None]]:
    """Of commands of these types: what is another, and when it was sent and would be."""
    return [
        (change["way"], (one or other)["type"], one and one["stream_ms"], other and other["stream_ms"])
        for change in made["changes"]
        for one, other in [(change["recorded"], change["what_if"])]
        if (one or other)["type"] in types
    ]


def until(made: dict[str, Any]) -> list[tuple[str, int | None, str]]:
    return [(each["witness"], each["stream_ms"], each["why"]) for each in made["evidence"]]


class TestTheWord:
    def test_that_is_asked_for_sooner_comes_at_once_and_says_the_same(self) -> None:
        made = asked(WORD, "away.after_ms=300")
        assert told(made, "load_word") == [("moved", "load_word", 3_460, 2_760)]
        played = [change["what_if"] for change in made["changes"] if change["way"] == "added"]
        media = [each for each in played if each["type"] == "media"]
        assert (len(media), {each["by"] for each in media}, {each["stream_ms"] for each in media}) == (
            10,
            {"answer"},
            {2_760},
        )
        assert until(made) == [
            ("model", 2_760, HEARS),
            ("caller", 2_760, "Then load_word was commanded at 0:03.460, and would be at 0:02.760"),
            ("echoes", 2_760, "Then mark was sent at 0:03.460, and would be at 0:02.760"),
        ]

    def test_that_is_asked_for_later_does_not_come_before(self) -> None:
        made = asked(WORD, "away.after_ms=2000")
        assert told(made, "load_word") == [("moved", "load_word", 3_460, 4_460)]
        media = [change["what_if"] for change in made["changes"] if change["what_if"] and change["way"] == "added"]
        assert {each["stream_ms"] for each in media} == {4_460}
        assert until(made)[1][:2] == ("caller", 3_460)

    def test_that_is_not_asked_for_does_not_come(self) -> None:
        made = asked(WORD, "away.words=")
        restored = ("removed", "conversation.item.create", 4_885, None)
        assert told(made, "load_word", "conversation.item.create") == [
            ("removed", "load_word", 3_460, None),
            restored,
        ]
        assert made["counts"]["added"] == 0
        assert until(made)[1][2] == "Then load_word was commanded, and would not be"
        shown = run(WORD, "away.words=").stdout
        assert "\n  removed  conversation.item.create (word-1)\n" in shown

    def test_waits_for_what_is_playing(self) -> None:
        """The item is heard to its end at 2.605; from then on it is looked at every 200 ms."""
        made = asked(WORD, "away.after_ms=1")
        assert told(made, "load_word") == [("moved", "load_word", 3_460, 2_661)]
        assert asked(DROPS, "away.after_ms=1")["verdict"] == "same", "the model was back before that"

    def test_that_nobody_recorded_is_not_invented(self, tmp_path: Path) -> None:
        """The model is away for 400 ms of silence: it would be asked for, and nobody knows what it would have been."""
        call = in_call()
        call.run(1_000)
        away(call, 1_400)
        call.run(2_000)
        made = asked(story(tmp_path, call), "away.after_ms=100")
        assert told(made, "load_word", "media", "mark") == [("added", "load_word", None, 1_100)]
        assert until(made)[1] == ("caller", 1_100, "Then load_word was not commanded, and would be")


@pytest.mark.parametrize(
    ("text", "ended", "at_ms"),
    [("ready_ms_max=1500", "model_failed", 3_960), ("model_losses_max=0", "model_closed", 2_460)],
)
def test_a_bridge_of_less_patience_gives_up(text: str, ended: str, at_ms: int) -> None:
    made = asked(WORD, text)
    assert made["ended"] == {"recorded": "stop", "what_if": ended}
    assert ("changed", "close_leg", 7_500, at_ms) in told(made, "close_leg")


def test_a_bridge_that_takes_fewer_frames_takes_this_for_a_flood() -> None:
    """How many have come is counted from the call's beginning, whenever the setting changes."""
    made = asked(TOLD, "frames_per_second_max=5")
    assert made["ended"]["what_if"] == "limit"
