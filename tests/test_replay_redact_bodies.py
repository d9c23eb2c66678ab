"""What stands in a redacted frame for what was in it, one frame at a time."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import RULES, CallSettings, Entry, wire_engine
from engine.core.audio import SILENCE
from engine.core.heard import Work
from replay.goldens.rerun import rerun, steps_of
from replay.redacting import allowed
from replay.redacting.call import prove, redact
from replay.redacting.redactor import STARTED_AT, Redactor, placeholder
from replay.rows import Head, log_in_memory
from replay.runner import replay
from tests import build
from tests.build import CALL_SID, Harness, in_call
from tests.replay_calls import HEAD, SETTINGS, bakery, log_of

FRAMES = Path(__file__).resolve().parents[1] / "fixtures" / "frames"
NOBODY = "CA" + "0" * 32


def shown(body: str) -> str:
    return Redactor().body(body)


def strings(value: object) -> Iterator[str]:
    """Every text in a decoded body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


class TestAFrame:
    @pytest.mark.parametrize(
        ("body", "left"),
        [
            # words
            (
                '{"type":"error","delta":"That is $9.17, Ms. Ünal."}',
                '{"type":"error","delta":"Xxxx xx $0.00, Xx. Xxxx."}',
            ),
            ('{"reason":"turn_detected","text":["one"]}', '{"reason":"turn_detected","text":["xxx"]}'),
            ('{"reason":"Ann hung up","usage":12,"param":null}', '{"reason":"Xxx xxxx xx","usage":0,"param":null}'),
            ('{"message":"message","status":"completed"}', '{"message":"xxxxxxx","status":"completed"}'),
            # keys
            ('{"Bob Smith":{"type":"error"},"type":"Bob called"}', '{"x1":{"x1":"xxxxx"},"type":"Xxx xxxxxx"}'),
            # strangers' keys and values, however deep
            (
                '{"start":{"customParameters":{"+49":"Ann","type":{"name":"Bob","n":12,"f":1.5,"is":true,"no":null}}}}',
                '{"start":{"customParameters":{"x1":"Xxx","x2":{"x1":"Xxx","x2":0,"x3":0.0,"x4":false,"x5":null}}}}',
            ),
            ('{"response":{"metadata":["Ann",{"id":"4111"}]}}', '{"response":{"metadata":["Xxx",{"x1":"0000"}]}}'),
            ('{"arguments":"{\\"card\\": 4111}"}', '{"arguments":"{\\"xxxx\\": 0000}"}'),
            # numbers
            ('{"expires_at":1795000000,"audio_end_ms":520}', '{"expires_at":0,"audio_end_ms":520}'),
            ('{"audio_end_ms":4915112345678,"threshold":0.5}', '{"audio_end_ms":99999999,"threshold":0.5}'),
            ('{"timestamp":"140","chunk":"4915112345678"}', '{"timestamp":"140","chunk":"0000000000000"}'),
            (
                '{"timestamp":"at 5","chunk":"\u0665","sequenceNumber":""}',
                '{"timestamp":"xxxx","chunk":"x","sequenceNumber":""}',
            ),
            ('{"dtmf":{"track":"inbound_track","digit":"#"}}', '{"dtmf":{"track":"inbound_track","digit":"0"}}'),
            ('{"create_response":true,"speed":-200000000.5}', '{"create_response":true,"speed":99999999.0}'),
            ("12", "0"),
            # names
            (
                f'{{"callSid":"{CALL_SID}","streamSid":"s-1","accountSid":"","id":"{CALL_SID}"}}',
                f'{{"callSid":"{NOBODY}","streamSid":"stream_000001","accountSid":"","id":"{NOBODY}"}}',
            ),
            (
                '{"item_id":"a","previous_item_id":"b","item":{"id":"a","call_id":"c"},"event_id":""}',
                '{"item_id":"item_000001","previous_item_id":"item_000002","item":{"id":"item_000001",'
                '"call_id":"call_000001"},"event_id":""}',
            ),
            (
                '{"mark":{"name":"Ann"},"id":"x","name":"tokens"}',
                '{"mark":{"name":"name_000001"},"id":"id_000001","name":"tokens"}',
            ),
            # sound that was not cut out
            ('{"media":{"payload":"q6ur"}}', '{"media":{"payload":"////"}}'),
            ('{"media":{"payload":"q6s="},"audio":"q6"}', '{"media":{"payload":"//8="},"audio":"!!"}'),
            (
                '{"type":"response.output_audio.delta","delta":"q6ur"}',
                '{"type":"response.output_audio.delta","delta":"////"}',
            ),
            # which model it was, unless it is somebody's own
            ('{"model":"gpt-realtime-2.1","voice":"marin"}', '{"model":"gpt-realtime-2.1","voice":"marin"}'),
            ('{"model":"ft:gpt-4o:acme::1","voice":"ann"}', '{"model":"xx:xxx-0x:xxxx::0","voice":"xxx"}'),
            # no JSON
            ("my name is {Ann", "xx xxxx xx {Xxx"),
            ("", ""),
            ("[" * 5000, "[" * 5000),
        ],
    )
    def test_is_left_with_what_the_protocol_says(self, body: str, left: str) -> None:
        assert shown(body) == left
        assert shown(left) == left or "99999999" in left or "!" in left

    @pytest.mark.parametrize("path", sorted(FRAMES.rglob("*.json")), ids=lambda path: path.stem)
    def test_of_a_vendor_keeps_no_sentence(self, path: Path) -> None:
        left = [text for text in strings(json.loads(shown(path.read_text()))) if " " in text]
        assert [text for text in left if text != placeholder(text)] == []

    @pytest.mark.parametrize("path", sorted(FRAMES.rglob("*.json")), ids=lambda path: path.stem)
    def test_of_a_vendor_keeps_its_type(self, path: Path) -> None:
        said, left = json.loads(path.read_text()), json.loads(shown(path.read_text()))
        key = "event" if path.parent.name == "twilio" else "type"
        assert left[key] == said[key]

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**70), 2**70)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(sorted(allowed.KEYS)), inner),
            max_leaves=20,
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_whatever_it_is_no_text_of_it_is_left(self, value: object) -> None:
        made = json.loads(shown(json.dumps(value)))
        for text in strings(made):
            stands = {"x", "X", "0", "!", "/", "_", " ", *"0123456789"} | set("itemrespvncalsgudbkotyh")
            assert set(text) <= stands | {char for char in text if placeholder(char) == char}


class TestAnEntry:
    def test_has_silence_for_sound(self) -> None:
        entry = Entry(1, 0, "input", "caller", "media", '{"payload":""}', b"abc")
        assert Redactor().entry(entry) == replace(entry, audio=bytes([SILENCE]) * 3)

    def test_of_a_type_that_nobody_knows(self) -> None:
        entry = Entry(1, 0, "input", "model", "call.Ann", '{"type":"call.Ann"}')
        assert Redactor().entry(entry) == replace(entry, type="xxxx.Xxx", body='{"type":"xxxx.Xxx"}')

    def test_a_placeholder_is_as_long_as_the_text(self) -> None:
        assert placeholder("Größe: 12\u00a0m²\n你好") == "Xxxxx: 00 xx\nxx"


class TestTheHead:
    def test_says_nothing_of_whose_call_it_was(self) -> None:
        assert Redactor().head(HEAD) == Head(
            NOBODY, "MZ" + "0" * 32, "AC" + "0" * 32, STARTED_AT, 1, RULES, "0.1.0, redacted"
        )

    def test_of_one_that_was_never_named(self) -> None:
        empty = Redactor().head(replace(HEAD, call_sid="", stream_sid="", account_sid="", engine_version=""))
        assert empty == Head(NOBODY, "", "", STARTED_AT, 1, RULES, ", redacted")

    def test_a_version_that_is_none_goes(self) -> None:
        assert Redactor().head(replace(HEAD, engine_version="0.1 by Ann")).engine_version == "0, redacted"

    def test_settings_keep_their_numbers(self) -> None:
        told = CallSettings(instructions="Sell 5 pies.", greeting="Greet Ann.", voice="cedar", mark_every_ms=140)
        left = Redactor().settings(told)
        assert (left.instructions, left.greeting, left.voice) == ("Xxxx 0 xxxx.", "Xxxxx Xxx.", "cedar")
        assert (left.mark_every_ms, left.vad, left.limits) == (140, told.vad, told.limits)
        assert Redactor().settings(CallSettings(greeting=None)).greeting is None

    def test_every_word_that_a_setting_may_be_stays(self) -> None:
        """Else it would be none of those that it may be."""
        structs = [CallSettings, *(hint for hint in get_type_hints(CallSettings).values() if isinstance(hint, type))]
        for struct in structs:
            for name, hint in getattr(struct, "__annotations__", {}).items():
                for choice in chain(get_args(hint), *map(get_args, get_args(hint))):
                    if isinstance(choice, str):
                        assert allowed.is_word(name, choice), (name, choice)


class TestWordsThatAreEditedLater:
    def test_are_looked_for_again_in_the_copy(self) -> None:
        """The final transcript differs in a letter from what was said before, and the item was searched meanwhile."""
        call = Harness()
        call.seq = 1
        call.engine(build.leg_opened("caller"))
        call.caller(build.started())
        call.engine(build.leg_opened("model"))
        call.model(build.session_created(), build.session_updated())
        call.model(*build.reply_begun(900), build.item_words("I said baker, 12."), *build.reply_done())
        call.run(1500)
        call.model(build.item_words("I said maker, 13.", final=True))
        call.caller(build.stopped())
        searched = [entry for entry in call.entries if entry.type == "align_item"]
        assert len(searched) == 2
        log = log_of(call.entries)
        redacted = redact(log)
        before, after = prove(log, redacted)
        assert (before.verdict, after.verdict) == ("same", "same")
        assert "X xxxx xxxxx, 00." in "".join(entry.body for entry in redacted.entries)
        assert after.report.turns[0].generated_text == "X xxxx yxxxx, 01."

    def test_an_answer_to_nothing_is_redacted_too(self) -> None:
        call = in_call()
        call.engine(
            '{"type":"item.aligned","item_id":"i","alignment":{"transcript":"Ann","words":[],"finished":0,'
            '"confidence":0.0,"method":"none"}}',
            '{"type":"item.aligned","item_id":5}',
        )
        backwards = build.found("Ann Bo", 400, 200)
        call.engine(wire_engine.aligned("i", backwards))
        bodies = [entry.body for entry in redact(log_of(call.entries)).entries[-3:]]
        assert bodies[0].startswith('{"type":"item.aligned","item_id":"item_000001","alignment":{"transcript":"Xxx"')
        assert bodies[1] == '{"type":"item.aligned","item_id":0}'
        assert bodies[2].startswith('{"type":"item.aligned","item_id":"item_000001","alignment":{"transcript":"Xxx Xx"')

    def test_a_number_of_several_words_does_not_tell_by_their_lengths(self) -> None:
        body = '{"alignment":{"words":[{"text":"7:30","parts":[{"text":"seven","end_ms":5},{"text":""}]}]}}'
        assert shown(body) == '{"alignment":{"words":[{"text":"0:00","parts":[{"text":"x","end_ms":5},{"text":""}]}]}}'


class TestARedactedLog:
    def test_is_not_searched_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither in a replay, nor when it is decided anew."""
        redacted = redact(log_of(bakery())).log(log_of(bakery()))
        monkeypatch.delattr(Work, "done")
        assert replay(redacted).verdict == "same"
        made = rerun(redacted.settings, steps_of(redacted), is_redacted=True)
        assert [entry.body for entry in made.entries] == [row[5] for row in redacted.rows()]

    def test_that_only_says_so_is_what_it_says(self) -> None:
        log = log_in_memory(Path("a.db"), replace(HEAD, engine_version="0.1.0"), SETTINGS, bakery())
        assert not log.head.is_redacted
        assert redact(log).head.is_redacted
        assert msgspec.json.encode(redact(log).head).find(b"is_redacted") == -1
