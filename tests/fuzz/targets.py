"""Every target by its name: a function that takes any bytes and raises only for what must not happen. The corpus of a
target is the folder of its name in `fixtures/fuzz`, and the vendors' own frames where it takes frames."""

from collections.abc import Callable
from pathlib import Path

from tests.fuzz import decoding, reading, sockets

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CORPUS = FIXTURES / "fuzz"
DICTIONARY = CORPUS / "frames.dict"
"""Words that frames are made of, so that the fuzzer need not find them letter by letter."""

TARGETS: dict[str, Callable[[bytes], None]] = {
    "wire_caller": decoding.caller_frame,
    "wire_model": decoding.model_frame,
    "wire_engine": decoding.engine_input,
    "entries": decoding.cut_frame,
    "words": decoding.words,
    "call": decoding.call,
    "legs": sockets.leg,
    "web": sockets.web,
    "log": reading.log_file,
    "golden": reading.golden_file,
    "recording": reading.recording,
}

_OF_VENDORS = {"wire_caller": ["twilio"], "wire_model": ["openai"], "entries": ["twilio", "openai"]}


def folders(target: str) -> list[Path]:
    """Where the inputs are that a target begins with."""
    return [CORPUS / target, *(FIXTURES / "frames" / vendor for vendor in _OF_VENDORS.get(target, []))]
