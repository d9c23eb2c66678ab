"""Items that a client puts into the simulated model's conversation: what the vendor takes, and what it refuses.

A client may create text of either side, function calls and their outputs, and never audio of the assistant
(https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/create).
"""

from typing import Any

from engine.sim.conversation import Refused, Remembered

_CONTENT_TYPES = {"user": ("input_text", "input_audio"), "assistant": ("output_text",), "system": ("input_text",)}
_FUNCTION_FIELDS = {"function_call": ("call_id", "name", "arguments"), "function_call_output": ("call_id", "output")}
_ID_CHARS_MAX = 32


def client_item(item: object) -> tuple[Remembered, dict[str, Any]]:
    """The item as it is remembered, and as the server tells of it. Raises Refused."""
    if not isinstance(item, dict):
        raise Refused("invalid_type", "Invalid type for 'item': expected an object.", "item")
    item_id, kind = str(item.get("id", "")), item.get("type")
    if not 0 < len(item_id) <= _ID_CHARS_MAX:
        raise Refused("string_above_max_length", f"Invalid 'item.id': 1 to {_ID_CHARS_MAX} characters.", "item.id")
    if kind in _FUNCTION_FIELDS:
        missing = [name for name in _FUNCTION_FIELDS[kind] if not isinstance(item.get(name), str)]
        if missing:
            raise Refused("missing_required_parameter", f"Missing: 'item.{missing[0]}'.", f"item.{missing[0]}")
        return Remembered(
            item_id, kind, text=str(item.get("arguments") or item.get("output")), done=True, is_told=True
        ), item
    role, content = str(item.get("role")), item.get("content")
    if kind != "message" or role not in _CONTENT_TYPES or not isinstance(content, list):
        raise Refused("invalid_value", "Invalid 'item': expected a message with a role and content.", "item")
    for part in content:
        if part.get("type") not in _CONTENT_TYPES[role]:
            raise Refused("invalid_value", f"Invalid content type '{part.get('type')}' of {role}.", "item.content")
    text = " ".join(part.get("text", "") for part in content)
    return Remembered(item_id, role, text=text, done=True, is_told=True), {**item, "status": "completed"}
