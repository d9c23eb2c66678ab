"""The process that looks for words, one search after another: see `aligning`, which starts it and asks it.

A question is a pickled `Work`, an answer an `Alignment` as MessagePack, each behind its length. Nothing else is loaded
here than what a search needs, so it is there soon. It ends when there is nobody to ask.
"""

import pickle
import sys
from typing import BinaryIO

import msgspec

from engine.core.heard import Work

SIZE_BYTES = 4


def framed(data: bytes) -> bytes:
    """With its length before it."""
    return len(data).to_bytes(SIZE_BYTES, "big") + data


def answer_all(questions: BinaryIO, answers: BinaryIO) -> None:
    """Until there are no more questions."""
    while head := questions.read(SIZE_BYTES):
        work: Work = pickle.loads(questions.read(int.from_bytes(head, "big")))
        answers.write(framed(msgspec.msgpack.encode(work.done())))
        answers.flush()


def main() -> None:
    """Be that process."""
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
