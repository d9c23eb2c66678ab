"""Frames for a call to meet, as hypothesis draws them: real ones of every type, with ids and numbers that are not.

Ids come from small pools, so that they are met again: as the same item in another response, as an item of a response
that is over, as an id that was never there. Numbers are those at which arithmetic turns: none, one less and one more
than a frame, negative, larger than any clock.
"""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from engine.core.model_leg import FATAL_CODES
from tests import build

VENDORS = Path(__file__).resolve().parents[2] / "fixtures" / "frames"

items = st.sampled_from(["item_1", "item_2", "item_3", "item_4", "", "item \x00\u2028\U0001f600"])
callers_items = st.sampled_from(["item_u1", "item_u2", "item_1"])
responses = st.sampled_from(["resp_1", "resp_2", "resp_3", ""])
audio_ms = st.sampled_from([0, 0.125, 7, 19.875, 20, 20.125, 250, 900])
odd_ms = st.sampled_from([0, -1, 1, 120, 500, 2**31, -(2**63), 10**30, 0.5, 1e308])
texts = st.sampled_from(["", " ", "One ", "two.", "7:30", "\u0000\u200f\U0001f600", "ä"])
kinds = st.sampled_from(["message", "message", "message", "function_call", "reasoning"])
codes = st.sampled_from(
    [
        *sorted(FATAL_CODES),
        "session_expired",
        "invalid_value",
        "item_truncate_invalid_item_id",
        "",
        "rate_limit_exceeded",
    ]
)
event_ids = st.none() | st.sampled_from(["session", "greeting", "truncate-1", "delete-1", "truncate-2", "cancel-1", ""])


def made(build_frame: Any, *fields: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.tuples(*fields).map(lambda values: build_frame(*values))


def _begun(item: str, response: str, ms: float, kind: str) -> list[str]:
    frames = build.reply_begun(ms, item, response)
    return [frames[0], build.response_item_added(item, response, kind), *frames[2:]]


def _words(text: str, item: str, response: str, final: bool, part: int, beta: bool) -> str:
    frame = build.item_words(text, item, response, final, part)
    return frame.replace("response.output_audio", "response.audio") if beta else frame


def _item_added(item: str, previous: str | None, role: str | None, kind: str, beta: bool) -> str:
    frame = build.item_added(item, previous, role, kind)
    return frame.replace("conversation.item.added", "conversation.item.created") if beta else frame


def _session(formats: tuple[str, str], interrupts: bool) -> str:
    return build.session_updated(*formats, interrupt_response=interrupts)


def _arguments(item: str, response: str) -> str:
    return build.frame(
        type="response.function_call_arguments.done",
        response_id=response,
        item_id=item,
        call_id="call_1",
        name="look_up",
        arguments="{}",
    )


def _of_vendor(path: Path, item: str, response: str) -> str:
    """A vendor's own example, about one of our items."""
    text = path.read_text(encoding="utf-8").strip()
    for name, ours in (("item_002", item), ("resp_001", response)):
        text = text.replace(f'"{name}"', build.frame(x=ours)[5:-1])
    return text


both_names = st.sampled_from(["response.output_audio.delta", "response.audio.delta"])
good_formats = st.just(("audio/pcmu", "audio/pcmu"))

model_frames: st.SearchStrategy[str] = st.one_of(
    made(build.item_audio, audio_ms, items, responses, st.just(0x80), st.integers(0, 1), both_names),
    made(build.item_audio, audio_ms, items, responses, st.just(0x80), st.integers(0, 1), both_names),
    made(_words, texts, items, responses, st.booleans(), st.sampled_from([0, 1, -1, 10**30]), st.booleans()),
    made(build.response_created, responses),
    made(build.response_item_added, items, responses, kinds),
    made(_item_added, items, st.none() | items, st.sampled_from(["assistant", "user", None]), kinds, st.booleans()),
    made(build.item_done, items, responses, kinds),
    made(build.response_done, responses, st.sampled_from(["completed", "cancelled", "failed", "incomplete", ""])),
    made(build.speech_started, odd_ms, callers_items),
    made(build.speech_stopped, odd_ms, callers_items),
    made(build.caller_words, texts, callers_items, st.booleans()),
    made(build.truncated, items, st.integers(-1, 900)),
    made(build.deleted, items),
    made(_arguments, items, responses),
    st.sampled_from(sorted((VENDORS / "openai").glob("*.json"))).flatmap(
        lambda path: made(_of_vendor, st.just(path), items, responses)
    ),
)
"""What a model may say in a session that is up, in any order."""

session_frames: st.SearchStrategy[str] = st.one_of(
    st.just(build.session_created()),
    made(_session, good_formats, st.booleans()),
    made(_session, good_formats, st.booleans()),
    made(_session, st.sampled_from([("audio/pcm", "audio/pcmu"), ("audio/pcmu", "")]), st.booleans()),
    made(build.model_error, codes, texts, event_ids),
)
"""What makes a session, or ends it."""

caller_frames: st.SearchStrategy[str] = st.one_of(
    st.just(build.connected()),
    made(build.dtmf, st.sampled_from(["1", "#", ""])),
    st.just(build.started()),
    st.just(build.media(20).replace('"track":"inbound"', '"track":"outbound"')),
    st.just(build.media(20).replace('"timestamp":"20"', '"timestamp":"-20"')),
    st.just(build.media(20).replace('"payload":"', '"payload":"=')),
    st.just(build.media(20).replace('"payload":"', '"payload":"====","payload":"')),
)
"""What a Twilio may say besides audio and echoes, and what none ever did."""

starts: st.SearchStrategy[str] = st.one_of(
    st.just(build.started()),
    made(build.started, st.sampled_from(["", "CA1", "../../etc/passwd", "CA" + "x" * 32])),
    st.just(build.started(stream_sid="")),
    st.just(build.started(encoding="audio/l16")),
    st.just(build.started(sample_rate=16_000)),
)
garbage: st.SearchStrategy[str] = st.sampled_from(
    ["", "null", "[]", "{}", '"', "[" * 100, '{"type":1}', '{"event":null}', '{"type":"error","error":{}}', "\x00"]
)
