"""`replay what-if`: inputs that the core brings about itself, calls that end otherwise, and who is evidence of what."""

import json
from pathlib import Path

from replay.compare.command_changes import Change
from replay.compare.evidence import Evidence, evidence
from replay.compare.what_if import what_if
from replay.goldens.golden import read_golden
from tests import build
from tests.build import CALL_SID, STREAM_SID, Harness, in_call
from tests.replay_calls import bakery, write_story
from tests.what_if_calls import SENTINEL, changes, run, story


def quiet_call() -> Harness:
    """Two items that are still being made, then half a second without a frame from Twilio, then the caller stops it."""
    call = in_call()
    call.model(*build.reply_begun(400), build.item_words("One."))
    call.model(build.response_item_added("item_2"), build.item_added("item_2"), build.item_audio(900, "item_2"))
    call.model(build.item_words("Two.", "item_2"))
    call.run(700)
    call.wait(1300)
    call.caller(build.media(1280))
    call.model(build.speech_started(1260))
    call.caller(build.stopped())
    call.engine(build.leg_closed("model"), build.leg_closed("caller"))
    return call


CLOSED = "Then close_leg (model) was commanded at 0:01.300, and would be at 0:01.200"


class TestTheCallEndsOtherwise:
    def test_after_that_nobody_is_evidence(self, tmp_path: Path) -> None:
        """The words of both items are looked for at another time than was recorded, and found at once."""
        path = story(tmp_path, quiet_call())
        done = run(path, "idle_ms=500", options=["--from", "0.2s"])
        assert (done.exit_code, done.stderr) == (1, "")
        assert (
            done.stdout
            == f"""\
{CALL_SID}   {path}
  limits.idle_ms_max: recorded 30000, what if 500
  from entry 70 on, 0:00.200 of the stream

Commands
  moved  align_item (item_1)
    recorded  entry 136, 0:01.300
    what if   by a timer after entry 129, 0:01.200
    {{"type":"align_item","item_id":"item_1","audio_ms":400,"characters":4,"complete":false,"frames_per_letter":null}}
  moved  align_item (item_2)
    recorded  entry 139, 0:01.300
    what if   by a timer after entry 129, 0:01.200
    {{"type":"align_item","item_id":"item_2","audio_ms":900,"characters":4,"complete":false,"frames_per_letter":null}}
  moved  close_leg (model)
    recorded  entry 140, 0:01.300
    what if   by a timer after entry 129, 0:01.200
    {{"type":"close_leg","leg":"model","code":1000,"reason":""}}
  changed  close_leg (caller)
    recorded  entry 141, 0:01.300
    what if   by a timer after entry 129, 0:01.200
    reason: recorded "stop", what if "limit"
  removed  clear
    recorded  entry 134, 0:01.300
    {{"event":"clear","streamSid":"{STREAM_SID}"}}
  changed  end_call
    recorded  entry 145, 0:01.300
    what if   after entry 144, 0:01.300
    ended: recorded "stop", what if "limit"
    reason: recorded "Twilio said stop", what if "idle_ms_max: no frame from Twilio for 500 ms"
  mark: 1 removed, from entry 133 on, 0:01.300
  input_audio_buffer.append: 1 removed, from entry 131 on, 0:01.300

Interruptions   what was heard, and what the model was told
  at 0:01.300  item_2   beyond the evidence of the model, the caller, echoes
    recorded  heard 800 ms (180 to 820); left as it is
    what if   not interrupted here
  at 0:01.300  item_1   beyond the evidence of the model, the caller, echoes
    recorded  heard 400 ms (400 to 400); left as it is
    what if   not interrupted here

Evidence   how far the recorded inputs tell what would have been
  the model   to entry 129, 0:01.200. {CLOSED}
  the caller  to entry 129, 0:01.200. {CLOSED}
  echoes      to entry 129, 0:01.200. {CLOSED}
  What is shown beyond is what the core does if it sees what was recorded all the same.
  Woken by a timer: recorded never, what if once.
  Ended: recorded stop, what if limit (idle_ms_max: no frame from Twilio for 500 ms).

changed: of 76 commands, 2 changed, 3 moved, 3 removed
"""
        )

    def test_a_call_that_had_never_begun(self, tmp_path: Path) -> None:
        done = run(SENTINEL, "start_ms=20", options=["--json"])
        made = json.loads(done.stdout)
        assert made["ended"] == {"recorded": "stop", "what_if": "refused"}
        assert [each["to_seq"] for each in made["evidence"]] == [1, 1, 1]
        assert (made["counts"]["what_if"], made["interruptions"][0]["what_if"]) == (2, None)

    def test_a_log_that_is_cut_does_not_end_either_way(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "cut.jsonl", bakery()[:60])
        made = json.loads(run(path, "settle_ms=5", options=["--json"]).stdout)
        assert (made["verdict"], made["ended"]) == ("same", {"recorded": None, "what_if": None})


class TestInputsThatTheCoreBringsAbout:
    def test_a_search_that_could_not_be_done_is_not_done_now(self, tmp_path: Path) -> None:
        call = in_call(answers=False)
        call.model(*build.reply(400), build.item_words("One.", final=True))
        call.run(900)
        call.engine(build.frame(type="item.unaligned", item_id="item_1", reason="no process"))
        made = json.loads(run(story(tmp_path, call), "settle_ms=5", options=["--json"]).stdout)
        assert (made["verdict"], made["counts"]["recorded"]) == ("same", made["counts"]["what_if"])

    def test_echoes_that_nobody_asked_for_and_frames_that_are_none(self, tmp_path: Path) -> None:
        call = in_call()
        call.model(*build.reply(700))
        call.caller(build.echo("stranger"), '{"event":"mark","mark":7}')
        call.run(1200)
        made = json.loads(run(story(tmp_path, call), "mark_every_ms=400", options=["--json"]).stdout)
        assert (made["verdict"], made["echoes_left_out"]) == ("changed", 1)
        assert [each["to_seq"] for each in made["evidence"]] == [None, None, None]

    def test_an_answer_to_what_is_not_asked_any_more_is_left_out(self, tmp_path: Path) -> None:
        """The item was searched when it was settled; under a longer wait the call is over before."""
        call = in_call(answers=False)
        call.model(*build.reply(1500), build.item_words("One two three.", final=True))
        call.run(600)
        call.ear.echoes = []
        call.model(build.speech_started(500))
        call.ear.echoes = []
        call.run(1700)
        call.wake()
        call.answer()
        call.run(1800)
        call.caller(build.stopped())
        call.engine(build.leg_closed("model"), build.leg_closed("caller"))
        done = run(story(tmp_path, call), "settle_ms=20000", options=["--json"])
        assert changes(done) == [("removed", "conversation.item.truncate"), ("moved", "align_item")]


class TestEvidence:
    """What no setting of today brings about, but a command may."""

    def test_a_caller_who_hears_something_else_is_another_caller_to_the_model(self) -> None:
        log = read_golden(SENTINEL)
        outcome = what_if(log, log.settings, 1)
        clear = next(each for each in outcome.recorded.commanded if each.entry.type == "clear")
        told = "Then clear was sent, and would not be"
        assert evidence(outcome, [Change("removed", clear, None)]) == [
            Evidence("model", 310, 1890, "From there on it hears a caller who has heard something else"),
            Evidence("caller", 310, 1890, told),
            Evidence("echoes", 310, 1890, told),
        ]

    def test_audio_that_is_not_played_is_heard_by_the_caller(self) -> None:
        log = read_golden(SENTINEL)
        outcome = what_if(log, log.settings, 1)
        media = next(each for each in outcome.recorded.commanded if each.entry.type == "media")
        outcome.what_if.played[media.key[1]] -= 1
        assert [each.to_seq for each in evidence(outcome, [Change("removed", media, None)])] == [69, 69, 69]
