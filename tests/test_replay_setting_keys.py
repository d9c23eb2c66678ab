"""Settings as a person writes them: which setting a key means, what a value may be, and what is said to a wrong one."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core import CallSettings
from engine.core.settings import Limits, Vad
from replay import cli
from replay.compare.setting_keys import Setting, asked
from tests.replay_calls import bakery, write_story

DEFAULTS = CallSettings()


class TestWhatIsAsked:
    """Keys and values."""

    @pytest.mark.parametrize(
        ("text", "key", "value"),
        [
            ("vad.silence_duration_ms=300", "vad.silence_duration_ms", 300),
            ("vad.silence_ms=300", "vad.silence_duration_ms", 300),
            ("silence=300", "vad.silence_duration_ms", 300),
            ("settle_ms=0", "limits.settle_ms", 0),
            ("idle_ms=5000", "limits.idle_ms_max", 5000),
            ("threshold=0.75", "vad.threshold", 0.75),
            ("interrupt_response=false", "vad.interrupt_response", False),
            ("model=gpt-realtime=new", "model", "gpt-realtime=new"),
            ("transcription=none", "transcription_model", None),
            ("greeting=Say hello.", "greeting", "Say hello."),
            ("noise_reduction=far_field", "noise_reduction", "far_field"),
        ],
    )
    def test_a_key_is_a_path_or_words_of_it_that_no_other_has(self, text: str, key: str, value: object) -> None:
        settings, changes = asked(DEFAULTS, [text])
        before: object = DEFAULTS
        after: object = settings
        for name in key.split("."):
            before, after = getattr(before, name), getattr(after, name)
        assert (after, changes) == (value, [Setting(key, before, value)])  # type: ignore[arg-type]

    def test_several_at_once_leave_the_others_as_they_are(self) -> None:
        settings, _ = asked(DEFAULTS, ["silence=300", "threshold=0.9", "settle_ms=2", "voice=cedar"])
        vad, limits = Vad(threshold=0.9, silence_duration_ms=300), Limits(settle_ms=2)
        assert settings == CallSettings(voice="cedar", vad=vad, limits=limits)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("silence", "'silence' is no KEY=VALUE, such as vad.silence_ms=300"),
            ("vad.silense_ms=3", "there is no setting 'vad.silense_ms'. Is it vad.silence_duration_ms?"),
            (
                "response=true",
                "'response' could be any of vad.create_response, vad.interrupt_response: give more of it",
            ),
            ("rules=2", "rules are no setting: `replay diff CALL --rules N` decides a call under others"),
            ("settle_ms=soon", "limits.settle_ms takes a whole number of at least 0, not 'soon'"),
            ("settle_ms=-1", "limits.settle_ms takes a whole number of at least 0, not '-1'"),
            ("settle_ms=1.5", "limits.settle_ms takes a whole number of at least 0, not '1.5'"),
            ("threshold=nan", "vad.threshold takes a number from 0 to 1, not 'nan'"),
            ("threshold=7", "vad.threshold takes a number from 0 to 1, not '7'"),
            ("create_response=maybe", "vad.create_response takes true or false, not 'maybe'"),
            ("noise_reduction=far", "noise_reduction takes near_field or far_field or none, not 'far'"),
        ],
    )
    def test_a_wrong_one_says_what_is_right(self, text: str, why: str, tmp_path: Path) -> None:
        path = write_story(tmp_path / "a.jsonl", bakery())
        done = CliRunner().invoke(cli.cli, ["what-if", str(path), "--set", text])
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: --set: {why}\n")

    def test_what_is_like_nothing_is_told_all_there_are(self) -> None:
        with pytest.raises(
            ValueError, match=r"there is no setting 'xyzzy'. Settings are model, .*limits.align_ms_max$"
        ):
            asked(DEFAULTS, ["xyzzy=1"])

    def test_one_setting_twice_under_two_names(self) -> None:
        with pytest.raises(ValueError, match=r"^vad.silence_duration_ms is set twice$"):
            asked(DEFAULTS, ["silence=1", "vad.silence_ms=2"])
