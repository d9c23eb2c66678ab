"""What may stay of a call when its people are taken out. Whatever is not in these tables goes.

A list of what must go would have a hole for each thing that a vendor invents tomorrow. So everything here is spelled
out: which keys there are, which of them carry a word of the protocol and which words those are, which carry a number
that says when, where or how much. A text under a key that is not in the tables becomes a placeholder, a number 0, a
key that is not in them a number, and everything below that key goes.

A new frame or setting of ours needs no line here to be safe; without one, the redacted copy might be decided otherwise,
and `replay redact` refuses to write such a copy.
"""

import re


def _all(words: str) -> frozenset[str]:
    return frozenset(words.split())


TYPES = _all(
    # Twilio, and what we send it
    "connected start media mark dtmf stop clear "
    # the engine's own inputs, commands and faults
    "malformed unreadable leg.opened leg.closed leg.failed item.aligned item.unaligned start.refused word.loaded "
    "timer.due outbox.full limit.reached frame.binary operator.interrupt operator.hang_up "
    "dial_model align_item load_word close_leg end_call fault log.gap "
    # OpenAI Realtime, both generations of names
    "session.created session.update session.updated session.close session.closed "
    "transcription_session.update transcription_session.updated "
    "input_audio_buffer.append input_audio_buffer.clear input_audio_buffer.cleared input_audio_buffer.commit "
    "input_audio_buffer.committed input_audio_buffer.dtmf_event_received input_audio_buffer.speech_started "
    "input_audio_buffer.speech_stopped input_audio_buffer.timeout_triggered "
    "output_audio_buffer.clear output_audio_buffer.cleared output_audio_buffer.started output_audio_buffer.stopped "
    "conversation.created conversation.item.create conversation.item.created conversation.item.added "
    "conversation.item.done conversation.item.retrieve conversation.item.retrieved conversation.item.truncate "
    "conversation.item.truncated conversation.item.delete conversation.item.deleted "
    "conversation.item.input_audio_transcription.delta conversation.item.input_audio_transcription.completed "
    "conversation.item.input_audio_transcription.segment conversation.item.input_audio_transcription.failed "
    "response.create response.created response.cancel response.done "
    "response.output_item.added response.output_item.done response.content_part.added response.content_part.done "
    "response.output_audio.delta response.output_audio.done response.audio.delta response.audio.done "
    "response.output_audio_transcript.delta response.output_audio_transcript.done "
    "response.audio_transcript.delta response.audio_transcript.done "
    "response.output_text.delta response.output_text.done response.text.delta response.text.done "
    "response.function_call_arguments.delta response.function_call_arguments.done "
    "response.mcp_call_arguments.delta response.mcp_call_arguments.done "
    "response.mcp_call.in_progress response.mcp_call.completed response.mcp_call.failed "
    "mcp_list_tools.in_progress mcp_list_tools.completed mcp_list_tools.failed rate_limits.updated error"
)
"""Of entries and frames."""

WORDS = TYPES | _all(
    # kinds of items, of their parts, of sessions and of tools
    "message function_call function_call_output mcp_call mcp_list_tools mcp_approval_request mcp_approval_response "
    "item_reference input_text input_audio input_image output_text output_audio text audio realtime transcription "
    "function mcp realtime.session realtime.transcription_session realtime.item realtime.response "
    "realtime.conversation "
    # sessions
    "server_vad semantic_vad near_field far_field auto none required disabled inf retention_ratio tokens requests "
    "duration minimal low medium high xhigh default "
    "alloy ash ballad cedar coral echo marin sage shimmer verse "
    # audio
    "audio/x-mulaw audio/pcmu audio/pcma audio/pcm g711_ulaw g711_alaw pcm16 inbound outbound inbound_track "
    "outbound_track both_tracks "
    # who, and how far
    "user assistant system caller model engine in_progress completed cancelled incomplete failed "
    "commentary final_answer Call 1.0.0 "
    # why
    "turn_detected client_cancelled max_output_tokens content_filter "
    "hangup dropped model_closed model_failed refused limit shutdown crashed "
    "invalid_request_error server_error rate_limit_error authentication_error invalid_api_key insufficient_quota "
    "account_deactivated billing_hard_limit_reached model_not_found session_expired rate_limit_exceeded "
    "invalid_value invalid_event item_truncate_invalid response_cancel_not_active audio_unintelligible "
    # words in audio
    "letters voiced characters "
    # limits of the shell
    "caller_frame_bytes_max model_frame_bytes_max outbox_bytes_max"
)
SENTENCES = frozenset(("Twilio said stop", "the recording was closed without stop"))
"""Our own, where nothing of the call is in them."""

WORD_KEYS = _all(
    "type event object status role phase leg ended code reason track tracks encoding format input_audio_format "
    "output_audio_format modalities output_modalities voice tool_choice truncation max_output_tokens eagerness method "
    "limit protocol version name conversation delay effort noise_reduction transcription_model"
)
"""Under these, a text may stay if it is a word of the protocol."""
_MODEL = re.compile(
    r"(?:gpt|whisper)(?:-(?:realtime|audio|live|transcribe|translate|whisper|mini|preview|diarize|4o|[0-9](?:\.[0-9])?))"
    r"{1,4}(?:-20[0-9]{2}-[01][0-9]-[0-3][0-9])?"
)
_MODEL_KEYS = frozenset(("model", "transcription_model"))
"""A model of the vendor's is no secret; one that was made for a customer has the customer's name."""

COUNT_KEYS = frozenset(("timestamp", "chunk", "sequenceNumber"))
"""Numbers that Twilio writes as texts."""
_COUNT = re.compile(r"[0-9]{1,8}")
NUMBER_KEYS = _all(
    "audio_start_ms audio_end_ms start_ms end_ms audio_ms content_index output_index characters finished confidence "
    "frames_per_letter sampleRate channels rate code status value max first last threshold prefix_padding_ms "
    "silence_duration_ms idle_timeout_ms speed"
)
NUMBER_MAX = 99_999_999
"""Milliseconds of a whole day are less. A longer number is somebody's."""

ID_KEYS = {
    "item_id": "item",
    "previous_item_id": "item",
    "response_id": "resp",
    "event_id": "event",
    "conversation_id": "conv",
    "call_id": "call",
    "session_id": "sess",
    "approval_request_id": "item",
    "name": "name",
    "id": "id",
}
"""What names something in the call, and so must go on naming it: by a pseudonym, which begins like this."""
ID_PARENTS = {"item": "item", "output": "item", "response": "resp", "session": "sess", "conversation": "conv"}
"""What an `id` is the id of, by what it stands in."""
SID_KEYS = {"callSid": "CA", "streamSid": "MZ", "accountSid": "AC"}
SID = re.compile(r"(CA|MZ|AC)[0-9A-Za-z]{32}")

STRANGERS = _all(
    "customParameters metadata variables headers arguments prompt tools parameters input_schema logprobs annotations"
)
"""What is below these was put there by strangers, keys and all: nothing of it stays but its shape."""

KEYS = (
    WORD_KEYS
    | _MODEL_KEYS
    | COUNT_KEYS
    | NUMBER_KEYS
    | ID_KEYS.keys()
    | SID_KEYS.keys()
    | STRANGERS
    | _all(
        "start media mark dtmf stop mediaFormat payload digit session response item part error message param delta "
        "transcript text instructions audio input output content usage status_details turn_detection transcription "
        "create_response interrupt_response language include expires_at tracing obfuscation rate_limits remaining "
        "reset_seconds seconds alignment words parts complete received_at end speaker order total_tokens "
        "input_tokens output_tokens input_token_details output_token_details cached_tokens cached_tokens_details "
        "text_tokens audio_tokens image_tokens greeting vad limits away after_ms mark_every_ms rules closed "
        "parallel_tool_calls reasoning workflow_name group_id"
    )
)
"""All keys of frames that say nothing about a person by being there."""

AUDIO_KEYS = frozenset(("payload", "audio"))
AUDIO_TYPES = frozenset(("response.output_audio.delta", "response.audio.delta"))
"""Frames whose `delta` is sound and not text."""
SPOKEN_TYPES = {
    "response.output_audio_transcript.delta": "delta",
    "response.audio_transcript.delta": "delta",
    "response.output_audio_transcript.done": "transcript",
    "response.audio_transcript.done": "transcript",
}
"""Frames that say what an item says, and under which key."""

_ENGINE_VERSION = re.compile(r"(?:imported by )?[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}(?:\.?(?:dev|a|b|rc)[0-9]{1,3})?")


def is_word(key: str, text: str) -> bool:
    """Whether a text may stay under a key."""
    if key in _MODEL_KEYS and _MODEL.fullmatch(text):
        return True
    return key in WORD_KEYS and (text in WORDS or (key == "reason" and text in SENTENCES))


def is_count(text: str) -> bool:
    """Whether a text is a number that may stay."""
    return _COUNT.fullmatch(text) is not None


def is_engine_version(text: str) -> bool:
    """Whether a text says which version of the engine it was, and nothing else."""
    return _ENGINE_VERSION.fullmatch(text) is not None
