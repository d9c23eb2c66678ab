"""The simulated model's session: the vendor's defaults, and what `session.update` makes of them.

An update names what changes; the answer is the whole session. A key that the vendor does not know, a missing
`session.type` or a voice changed after the model spoke are refused.
Facts: https://platform.openai.com/docs/api-reference/realtime-client-events/session/update.
"""

from typing import Any

from engine.sim.conversation import Refused

_PCM = {"type": "audio/pcm", "rate": 24000}
_SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_OPEN: dict[str, dict[str, Any]] = {
    "format": {"type": "", "rate": None},
    "transcription": {"model": None, "language": None, "prompt": None},
    "noise_reduction": {"type": ""},
    "turn_detection": {**_SERVER_VAD, "eagerness": None},
}
"""Objects that are replaced as a whole, and the keys that they may have."""
_TRANSCRIPTION = {"model": None, "language": None, "prompt": None}


def default_session(session_id: str, model: str) -> dict[str, Any]:
    """What `session.created` shows, with the short silence window of gpt-realtime."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful, witty, and friendly AI.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1_900_000_000,
        "audio": {
            "input": {
                "format": _PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_SERVER_VAD),
            },
            "output": {"format": _PCM, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def updated_session(session: dict[str, Any], changes: object, has_spoken: bool) -> dict[str, Any]:
    """`session` after an update. Raises Refused and changes nothing if the update is not valid."""
    if not isinstance(changes, dict):
        raise Refused("missing_required_parameter", "Missing required parameter: 'session'.", "session")
    if "type" not in changes:
        raise Refused("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    merged = _merged(session, changes, "session")
    if has_spoken and merged["audio"]["output"]["voice"] != session["audio"]["output"]["voice"]:
        message = "Cannot update a conversation's voice if assistant audio is present."
        raise Refused("cannot_update_voice", message, "session.audio.output.voice")
    return merged


def _merged(old: dict[str, Any], changes: dict[str, Any], path: str) -> dict[str, Any]:
    merged = dict(old)
    for key, value in changes.items():
        where = f"{path}.{key}"
        if key not in old:
            raise Refused("unknown_parameter", f"Unknown parameter: '{where}'.", where)
        if key in _OPEN:
            merged[key] = None if value is None else _replaced(old[key], value, key, where)
        elif isinstance(old[key], dict):
            merged[key] = _merged(old[key], _as_object(value, where), where)
        else:
            merged[key] = value
    return merged


def _as_object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("invalid_type", f"Invalid type for '{where}': expected an object.", where)
    return value


def _replaced(old: dict[str, Any] | None, value: object, key: str, where: str) -> dict[str, Any]:
    value = _as_object(value, where)
    unknown = next((name for name in value if name not in _OPEN[key]), None)
    if unknown is not None:
        raise Refused("unknown_parameter", f"Unknown parameter: '{where}.{unknown}'.", f"{where}.{unknown}")
    if key == "turn_detection":
        return {**(old or _SERVER_VAD), **value}
    return {**_TRANSCRIPTION, **value} if key == "transcription" else dict(value)
