"""Other settings for a call that is under way: what they change, what they leave, and what the model is told."""

from engine.core import CallSettings
from engine.core.commands import UpdateSession
from engine.core.reconfigure import grant, reconfigure
from engine.core.session import session_config
from engine.core.settings import Limits, Vad
from tests import build
from tests.build import Harness, in_call


def test_what_was_begun_under_the_old_settings_ends_under_them() -> None:
    """The deadline of an interruption stays; the next one has another."""
    call = in_call()
    call.model(*build.reply(1500))
    call.run(600)
    call.model(build.speech_started(500))
    assert call.call.barge_in.deadline_ns == 1_600_000_000
    settings = CallSettings(limits=Limits(settle_ms=100, idle_ms_max=400))
    step = reconfigure(call.call, settings, call.at_ns)
    assert (step.commands, step.wake_at_ns) == ([], 1_000_000_000)
    assert call.call.barge_in.deadline_ns == 1_600_000_000
    call.run(700)
    call.model(*build.reply(600, "item_2", "resp_2"))
    call.model(build.speech_started(700))
    assert call.call.barge_in.deadline_ns == 800_000_000


def test_marks_are_as_dense_as_is_now_asked_but_in_the_first_of_a_playout() -> None:
    """It knows how far it is in the playout, which began when the item before had been heard."""
    call = in_call()
    call.model(*build.reply(500))
    call.run(1000)
    call.model(*build.reply_begun(100, "item_2", "resp_2"))
    call.take()
    reconfigure(call.call, CallSettings(mark_every_ms=100), call.at_ns)
    call.model(build.item_audio(100, "item_2", "resp_2"))
    assert call.take().count("mark") == 3
    call.model(build.item_audio(500, "item_2", "resp_2"))
    assert call.take().count("mark") == 5 + 3


def test_a_model_is_told_once_it_has_a_session() -> None:
    settings = CallSettings(voice="cedar", vad=Vad(interrupt_response=False))
    call = Harness()
    assert reconfigure(call.call, settings, 0).commands == []
    call = in_call()
    (command,) = reconfigure(call.call, settings, call.at_ns).commands
    assert isinstance(command, UpdateSession)
    assert command.session == session_config(settings)
    assert not call.call.session.interrupts
    assert reconfigure(call.call, settings, call.at_ns).commands == []


def test_what_the_model_says_of_itself_holds_where_nothing_else_was_asked() -> None:
    call = in_call(interrupt_response=False)
    reconfigure(call.call, CallSettings(voice="cedar"), call.at_ns)
    grant(call.call, CallSettings())
    assert not call.call.session.interrupts


def test_a_model_that_is_being_hung_up_on_is_told_nothing() -> None:
    call = in_call()
    call.caller(build.stopped())
    assert call.take() == ["close model 1000", "close caller 1000 stop"]
    assert reconfigure(call.call, CallSettings(voice="cedar"), call.at_ns).commands == []


def test_the_caller_is_dated_by_the_numbers_that_the_model_now_has() -> None:
    call = in_call()
    call.run(500)
    reconfigure(call.call, CallSettings(vad=Vad(prefix_padding_ms=100)), call.at_ns)
    call.model(build.speech_started(300))
    assert call.call.conversation.items["item_u1"].started_at == 400 * 8


def test_the_last_words_are_waited_for_as_long_as_is_now_asked() -> None:
    call = in_call(answers=False)
    call.model(*build.reply(400), build.item_words("One.", final=True))
    call.run(300)
    reconfigure(call.call, CallSettings(limits=Limits(align_ms_max=50)), call.at_ns)
    call.caller(build.stopped())
    assert call.wake_ms == 350
