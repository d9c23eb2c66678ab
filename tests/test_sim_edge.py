"""The simulated Twilio edge: what is played when, what is echoed when, and what it refuses."""

import json
from base64 import b64decode, b64encode
from typing import Any

from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.machine import NS_PER_MS, Closing
from engine.sim.playback import Cleared, EchoFaults, Played
from engine.sim.ruler import place, ruler

SID = EdgePlan().stream_sid
SAID = ruler(1, 1000)


def ns(ms: float) -> int:
    return round(ms * NS_PER_MS)


def media(audio: bytes) -> str:
    return json.dumps({"event": "media", "streamSid": SID, "media": {"payload": b64encode(audio).decode()}})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", "streamSid": SID})


def opened(plan: EdgePlan | None = None) -> TwilioEdge:
    """An edge whose stream has started, and whose first two frames are gone."""
    edge = TwilioEdge(plan or EdgePlan())
    edge.open(0)
    edge.advance(0)
    return edge


def sent(edge: TwilioEdge, at_ms: float) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in edge.advance(ns(at_ms))]


def echoes(edge: TwilioEdge, to_ms: int) -> list[tuple[int, str]]:
    """Which marks come back, and in which millisecond."""
    found = []
    for at_ms in range(to_ms + 1):
        found += [(at_ms, frame["mark"]["name"]) for frame in sent(edge, at_ms) if frame["event"] == "mark"]
    return found


def test_a_stream_opens_as_twilio_opens_it() -> None:
    edge = TwilioEdge(EdgePlan(parameters={"token": "t"}))
    assert edge.next_at_ns() is None
    edge.open(ns(3))
    assert edge.next_at_ns() == ns(3)
    assert sent(edge, 3) == [
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": SID,
            "start": {
                "streamSid": SID,
                "accountSid": "AC" + "5" * 32,
                "callSid": "CA" + "5" * 32,
                "tracks": ["inbound"],
                "customParameters": {"token": "t"},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        },
    ]
    # The first frame goes when its 20 ms have been recorded, stamped with the time of its first sample.
    assert edge.next_at_ns() == ns(23)
    first, second = sent(edge, 43)
    assert first == {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": SID,
        "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "/" * 213 + "w=="},
    }
    assert (second["sequenceNumber"], second["media"]["chunk"], second["media"]["timestamp"]) == ("3", "2", "20")


def test_what_the_caller_says_is_in_the_frames_of_its_time() -> None:
    edge = opened(EdgePlan(cues=(Cue(30, audio=b"\x01" * 160),)))
    frames = [b64decode(frame["media"]["payload"]) for frame in sent(edge, 80)]
    silence = b"\xff"
    assert frames == [silence * 160, silence * 80 + b"\x01" * 80, b"\x01" * 80 + silence * 80, silence * 160]


def test_audio_plays_in_order_on_its_own_clock_and_runs_dry() -> None:
    edge = opened()
    edge.receive(ns(10), media(SAID[:800]))
    edge.receive(ns(50), media(SAID[800:1000]))
    # It ran dry at 135 ms; what comes later begins when it comes, at the next whole sample.
    edge.receive(ns(200) + 1, media(SAID[1000:1400]))
    edge.advance(ns(240))
    assert edge.played == [Played(80, SAID[:800]), Played(880, SAID[800:1000]), Played(1601, SAID[1000:1319])]
    assert edge.buffered_samples == 81


def test_a_mark_comes_back_when_all_before_it_was_played() -> None:
    edge = opened()
    edge.receive(0, mark("probe"))
    edge.receive(0, media(SAID[:800]))
    edge.receive(0, mark("a"))
    edge.receive(0, mark("b"))
    edge.receive(0, media(SAID[800:1600]))
    edge.receive(0, mark("c"))
    assert echoes(edge, 300) == [(0, "probe"), (100, "a"), (100, "b"), (200, "c")]


def test_clear_stops_the_playing_and_sends_every_pending_mark_back() -> None:
    edge = opened()
    for name, audio in (("a", SAID[:800]), ("b", SAID[800:1600]), ("c", SAID[1600:2400])):
        edge.receive(0, media(audio))
        edge.receive(0, mark(name))
    assert echoes(edge, 150) == [(100, "a")]
    edge.receive(ns(150), CLEAR)
    edge.receive(ns(150), mark("sentinel"))
    assert [frame["mark"]["name"] for frame in sent(edge, 151)] == ["b", "c", "sentinel"]
    assert edge.clears == [Cleared(1200, 1200, ("b", "c"))]
    # What comes after a clear plays at once.
    edge.receive(ns(160), media(SAID[:80]))
    edge.advance(ns(500))
    assert edge.played == [Played(0, SAID[:800]), Played(800, SAID[800:1200]), Played(1280, SAID[:80])]
    assert edge.buffered_samples == 0


def test_what_twilio_refuses_is_dropped_and_noted() -> None:
    edge = opened()
    payload = b64encode(SAID[:8]).decode()
    edge.receive(0, json.dumps({"event": "media", "streamSid": SID, "media": {"payload": payload}, "debug": 1}))
    edge.receive(0, json.dumps({"event": "media", "streamSid": SID, "media": {"payload": payload, "track": "x"}}))
    edge.receive(0, json.dumps({"event": "media", "media": {"payload": payload}}))
    edge.receive(0, json.dumps({"event": "mark", "streamSid": SID, "mark": {}}))
    edge.receive(0, json.dumps({"event": "clear", "streamSid": "MZother"}))
    edge.receive(0, json.dumps({"event": "hangup", "streamSid": SID}))
    edge.receive(0, "not JSON")
    edge.receive(0, json.dumps({"event": "media", "streamSid": SID, "media": {"payload": "?"}}))
    edge.receive(0, b"\xff")
    edge.advance(ns(100))
    assert [(note.split(": ")[0], note.split(": ")[1]) for note in edge.refused] == [
        ("31951", "Object contains unknown field `debug`"),
        ("31951", "Object contains unknown field `track` - at `$.media`"),
        ("31951", "Object missing required field `streamSid`"),
        ("31951", "Object missing required field `name` - at `$.mark`"),
        ("31951", "unknown streamSid"),
        ("31951", "Invalid value 'hangup' - at `$.event`"),
        ("31951", "JSON is malformed"),
        ("31951", "payload"),
        ("31950", "binary frame"),
    ]
    assert (edge.played, edge.clears) == ([], [])


def test_more_than_ten_minutes_are_not_buffered() -> None:
    edge = opened()
    minute = media(bytes(480_000))
    for _ in range(10):
        edge.receive(0, minute)
    edge.receive(0, media(b"\x01"))
    assert edge.refused == ["31931: 1 samples discarded"]
    assert edge.buffered_samples == 4_800_000
    # A sample later there is room for one.
    edge.receive(125_000, media(b"\x01"))
    assert len(edge.refused) == 1


def test_echoes_go_wrong_as_planned() -> None:
    faults = EchoFaults(delay_ms=30, lost=frozenset({0}), doubled=frozenset({1}), loses_sentinels=True)
    edge = opened(EdgePlan(echoes=faults))
    for name in ("lost", "doubled", "flushed"):
        edge.receive(0, media(SAID[:80]))
        edge.receive(0, mark(name))
    edge.receive(ns(25), CLEAR)
    edge.receive(ns(25), mark("sentinel"))
    edge.receive(ns(26), mark("next"))
    assert echoes(edge, 100) == [(50, "doubled"), (50, "doubled"), (55, "flushed"), (56, "next")]


def test_a_caller_who_heard_enough_speaks_presses_and_hangs_up() -> None:
    here = place(1, 100)
    cues = (Cue(50, after=here, audio=b"\x01" * 160), Cue(60, after=here, digit="7"), Cue(90, after=here, hang_up=True))
    edge = opened(EdgePlan(cues=cues))
    # The place comes in two pieces and is cut off by a clear before it is played: nobody heard it.
    edge.receive(0, media(SAID[:796]))
    edge.receive(0, media(SAID[796:800]))
    edge.receive(ns(99), CLEAR)
    assert all(frame["media"]["payload"].startswith("////") for frame in sent(edge, 300))
    # Then it is played: at 400 ms, cut in the middle of the place.
    edge.receive(ns(300), media(SAID[:797]))
    edge.receive(ns(300), media(SAID[797:1600]))
    frames = sent(edge, 1000)
    spoken = [frame["media"]["timestamp"] for frame in frames if "AQEB" in frame.get("media", {}).get("payload", "")]
    assert spoken == ["440", "460"]
    assert [frame["dtmf"] for frame in frames if frame["event"] == "dtmf"] == [{"track": "inbound_track", "digit": "7"}]
    assert frames[-1]["event"] == "stop"
    assert frames[-1]["stop"] == {"accountSid": "AC" + "5" * 32, "callSid": "CA" + "5" * 32}
    # After the call nothing happens, and nothing more was heard.
    assert (edge.closing, edge.next_at_ns()) == (Closing(1000, ""), None)
    edge.receive(ns(1000), media(SAID))
    assert sum(len(piece.audio) for piece in edge.played) == 99 * 8 + 190 * 8


def test_silent_frames_may_be_missing_and_leave_a_gap_in_time() -> None:
    edge = opened(EdgePlan(silence_kept_ms=40, cues=(Cue(200, audio=b"\x01" * 160),)))
    frames = sent(edge, 300)
    assert [frame["media"]["timestamp"] for frame in frames] == ["0", "20", "200", "220", "240"]
    assert [frame["media"]["chunk"] for frame in frames] == ["1", "2", "3", "4", "5"]


def test_a_call_may_end_without_stop() -> None:
    edge = opened(EdgePlan(sends_stop=False, cues=(Cue(30, hang_up=True),)))
    assert [frame["event"] for frame in sent(edge, 100)] == ["media"]
    assert edge.closing == Closing(1000, "")


def test_what_the_peer_closes_is_heard_no_further() -> None:
    edge = opened()
    edge.receive(0, media(SAID))
    edge.close(ns(70))
    assert edge.played == [Played(0, SAID[:560])]
    assert (edge.next_at_ns(), edge.advance(ns(500))) == (None, [])
