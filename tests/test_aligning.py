"""The process that looks for words: the same answers as here, and a new one should it die."""

import os
import signal
import sys
from io import BytesIO
from pathlib import Path

import pytest
import trio

from engine import aligner, aligning
from engine.aligning import AlignError, Searcher
from engine.core.heard import Alignment, Features, Work


def work(text: str) -> Work:
    features = Features()
    features.take(bytes(range(256)) * 32)
    return Work(text, features.snapshot(), complete=False)


async def test_searches_are_done_by_another_process_and_give_the_same(nursery: trio.Nursery) -> None:
    searcher = Searcher()
    nursery.start_soon(searcher.run)
    works = [work(text) for text in ("One two.", "", "Three four five.")]
    found = {}

    async def search(number: int) -> None:
        found[number] = await searcher(works[number])

    async with trio.open_nursery() as searching:
        for number in range(len(works)):
            searching.start_soon(search, number)
    assert found == {number: each.done() for number, each in enumerate(works)}


async def test_a_process_that_died_is_started_again(nursery: trio.Nursery) -> None:
    searcher = Searcher()
    nursery.start_soon(searcher.run)
    assert await searcher(work("One.")) == work("One.").done()
    first = searcher._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    assert await searcher(work("Two.")) == work("Two.").done()
    assert searcher._process is not first
    assert first.returncode == -signal.SIGKILL


async def test_a_search_that_takes_too_long_is_given_up(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and not again: it would take as long, and others wait."""
    searcher = Searcher()
    nursery.start_soon(searcher.run)
    await searcher(work("One."))
    first = searcher._process
    with monkeypatch.context() as patched:
        patched.setattr(aligning, "SECONDS_MAX", 0.0)
        with pytest.raises(AlignError, match="the search took more than 0 s"):
            await searcher(work("Two."))
    assert await searcher(work("Three.")) == work("Three.").done(), "others are not the worse for it"
    assert searcher._process is not first


async def test_what_nobody_waits_for_any_more_is_not_done(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = Searcher()
    with trio.move_on_after(0):
        await searcher(Work("\N{PILE OF POO}" * 10, Features()))
    asked: list[Work] = []
    answer = searcher._answer

    async def counted(each: Work) -> Alignment:
        asked.append(each)
        return await answer(each)

    monkeypatch.setattr(searcher, "_answer", counted)
    nursery.start_soon(searcher.run)
    await searcher(work("One."))
    assert [each.transcript for each in asked] == ["", "One."], "the first is its start"


@pytest.mark.parametrize("name", ["engine.py", "pickle.py"])
async def test_what_lies_in_the_folder_it_is_started_in_is_not_run(
    name: str, nursery: trio.Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    searcher = Searcher()
    nursery.start_soon(searcher.run)
    assert await searcher(work("One.")) == work("One.").done()


async def test_no_error_of_the_machine_ends_the_server(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads, memory, descriptors: whatever it lacks, there are no words, and that is all."""

    async def no_thread(*_: object, **__: object) -> trio.Process:
        raise RuntimeError("can't start new thread")

    searcher = Searcher()
    with monkeypatch.context() as patched:
        patched.setattr(trio.lowlevel, "open_process", no_thread)
        nursery.start_soon(searcher.run)
        with pytest.raises(AlignError, match="can't start new thread"):
            await searcher(work("One."))
    assert await searcher(work("Two.")) == work("Two.").done()


async def test_a_machine_that_starts_no_process_is_told(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = Searcher()
    nursery.start_soon(searcher.run)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(AlignError, match="does not answer"):
            await searcher(work("One."))
    assert await searcher(work("Two.")) == work("Two.").done()


async def test_whoever_stops_it_leaves_no_process_behind() -> None:
    searcher = Searcher()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(searcher.run)
        await searcher(work("One."))
        process = searcher._process
        nursery.cancel_scope.cancel()
    assert process is not None
    assert process.returncode is not None


def test_the_process_ends_when_nobody_asks_any_more() -> None:
    answers = BytesIO()
    aligner.answer_all(BytesIO(b""), answers)
    assert answers.getvalue() == b""
