"""Golden logs: nothing is lost in the writing, little is left to read, and what is none is refused by name."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import Entry, report
from engine.core.audio import SILENCE
from engine.core.entries import APPEND_BODY
from engine.log.errors import LogDamagedError, LogError, LogFormatError
from replay.goldens.fold import Run, fold, unfold
from replay.goldens.golden import Header, make_golden, read_golden, write_golden
from replay.goldens.lines import dump_line, load_line
from replay.rows import entry_of
from replay.runner import replay
from tests import build
from tests.build import Harness
from tests.replay_calls import HEAD, SETTINGS, bakery, log_of, write_story

BAKERY = bakery()


def silenced(entry: Entry) -> Entry:
    """What a golden log without side file gives back."""
    return entry if entry.audio is None else replace(entry, audio=bytes([SILENCE]) * len(entry.audio))


def unfolded(entries: list[Entry]) -> list[Entry]:
    """Folded, and unfolded again."""
    made: list[Entry] = []
    for part in fold(entries):
        made += unfold(part) if isinstance(part, Run) else [part]
    return made


def media(seq: int, count: int, timestamp: int, body: str = '{{"sequenceNumber":"{}","timestamp":"{}"}}') -> Entry:
    return Entry(seq, seq * 7, "input", "caller", "media", body.format(count, timestamp), b"\0" * 160)


def append(seq: int, cause: int) -> Entry:
    return Entry(seq, cause * 7, "command", "model", "input_audio_buffer.append", APPEND_BODY, cause=cause)


def echo(seq: int, count: int, mark: int) -> Entry:
    return Entry(seq, seq * 7, "input", "caller", "mark", f'{{"sequenceNumber":"{count}","name":"mark-{mark}"}}')


def test_a_call_comes_back_as_it_went_in(tmp_path: Path) -> None:
    """But for audio that nothing depends on; what was heard in part keeps its sound."""
    log = read_golden(write_story(tmp_path / "story.jsonl", BAKERY))
    kept = {entry.seq for entry in BAKERY if entry.type == "response.output_audio.delta"}
    assert [entry_of(row) for row in log.rows()] == [e if e.seq in kept else silenced(e) for e in BAKERY]
    assert (log.head, log.settings) == (HEAD, SETTINGS)
    assert replay(log) == replay(log_of(BAKERY))


def test_a_golden_log_is_short_enough_to_read(tmp_path: Path) -> None:
    """1.4 s of call, 211 entries."""
    lines = write_story(tmp_path / "story.jsonl", BAKERY).read_text().splitlines()
    assert len(lines) < 40
    header = json.loads(lines[0])
    assert (header["title"], header["reason"]) == ("The caller interrupts.", "First recorded.")
    assert lines[1] == (
        '{"seq":1,"at_ms":0,"kind":"input","leg":"engine","type":"leg.opened",'
        '"body":{"type":"leg.opened","leg":"caller"}}'
    )


def test_the_sound_of_an_interrupted_item_is_kept_in_a_side_file(tmp_path: Path) -> None:
    path = write_story(tmp_path / "story.jsonl", BAKERY)
    assert (tmp_path / "story.ulaw").read_bytes() == next(e.audio for e in BAKERY if "output_audio.delta" in e.type)
    write_golden(path, make_golden(Header("No audio.", "Cut.", HEAD, SETTINGS), BAKERY[:20]))
    assert not (tmp_path / "story.ulaw").exists()


def test_the_sound_of_an_item_that_was_heard_to_its_end_is_kept_too(tmp_path: Path) -> None:
    """Its words are looked for in it, here and wherever the golden log is replayed."""
    call = Harness()
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.model(*build.reply_begun(400), build.item_words("Cash or credit?", final=True), *build.reply_done())
    call.run(1_000)
    log = read_golden(write_story(tmp_path / "story.jsonl", call.entries))
    assert (tmp_path / "story.ulaw").stat().st_size == 400 * 8
    assert replay(log) == replay(log_of(call.entries))
    assert replay(log).report.turns[0].heard_text == "Cash or credit?"


def test_so_is_that_of_an_item_that_was_searched_and_then_found_not_to_have_been_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a search found is in the log, and must be found again."""
    monkeypatch.setattr("replay.goldens.golden.report", lambda call: replace(report(call), turns=[]))
    write_story(tmp_path / "story.jsonl", BAKERY)
    assert (tmp_path / "story.ulaw").exists()


def test_so_is_that_of_an_item_that_was_being_heard_when_the_log_was_cut(tmp_path: Path) -> None:
    """Nobody had asked for its words yet."""
    write_story(tmp_path / "story.jsonl", BAKERY[:100])
    assert (tmp_path / "story.ulaw").exists()


def test_frames_and_echoes_fold_whatever_their_order() -> None:
    """Twilio counts all frames together, and each kind by itself."""
    entries = [media(1, 5, 0), append(2, 1), echo(3, 6, 1), media(4, 7, 20), append(5, 4), media(6, 8, 40)]
    entries += [append(7, 6), echo(8, 9, 2)]
    (run,) = fold(entries)
    assert isinstance(run, Run)
    assert (run.order, run.seq, run.at_ns) == ("abaab", 1, [7, 21, 28, 42, 56])
    assert [pattern.body for pattern in run.units["a"]] == [
        '{"sequenceNumber":"5(+1u)","timestamp":"0(+20)"}',
        APPEND_BODY,
    ]
    assert [pattern.body for pattern in run.units["b"]] == ['{"sequenceNumber":"6(+3)","name":"mark-1(+1)"}']
    assert list(unfold(run)) == entries


def test_a_number_that_does_not_fit_ends_a_run() -> None:
    entries = [media(1, 1, 0), media(2, 2, 20), media(3, 3, 40), media(4, 4, 500), media(5, 5, 520)]
    assert [part.order for part in fold(entries) if isinstance(part, Run)] == ["aaa", "aa"]
    assert unfolded(entries) == entries


@pytest.mark.parametrize(
    "body",
    [
        '{{"n":"{}","t":"{}","x":"5(+3)"}}',
        '{{"n":"{}(+1)","t":"{}"}}',
        '{{"n":"00{}","t":"0{}"}}',
        '{{"n":"{}","t":{}.5}}',
    ],
)
def test_what_looks_like_a_pattern_or_no_number_comes_back_too(body: str) -> None:
    entries = [media(1, 1, 0, body), media(2, 2, 20, body), media(3, 3, 40, body)]
    assert unfolded(entries) == entries


def test_a_run_of_more_shapes_than_letters_is_several_runs() -> None:
    shapes = [media(seq, 1, 1, f'{{{{"{"x" * seq}":"{{}}","t":"{{}}"}}}}') for seq in range(1, 31)]
    assert [part.order for part in fold(shapes) if isinstance(part, Run)] == ["abcdefghijklmnopqrstuvwxyz", "abcd"]
    assert unfolded(shapes) == shapes


numbers = st.integers(0, 3)
some_entries = st.lists(
    st.one_of(
        st.builds(media, st.just(0), numbers, numbers),
        st.builds(echo, st.just(0), numbers, numbers),
        st.builds(append, st.just(0), numbers),
        st.just(Entry(0, 0, "input", "model", "response.created", "{}")),
    ),
    max_size=12,
)


@given(some_entries, st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_folding_loses_nothing(entries: list[Entry], times: list[int]) -> None:
    numbered = [replace(e, seq=seq, at_ns=times[seq - 1]) for seq, e in enumerate(entries, 1)]
    assert unfolded(numbered) == numbered


@given(st.text(max_size=30) | st.dictionaries(st.text(max_size=5), st.floats() | st.text() | st.none()).map(json.dumps))
def test_any_body_comes_back_byte_for_byte(body: str) -> None:
    entry = Entry(1, 123_456_789_012, "input", "model", "x", body)
    assert list(load_line(dump_line(entry, frozenset(), bytearray()), b"")) == [entry]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a golden log: it is empty"),
        ("{", "is not a golden log: Input data was truncated"),
        ("hello\n", "is not a golden log: JSON is malformed"),
        ('{"title":"x"}\n', "is not a golden log: Object missing required field `head`"),
        ('{"head":{"format":1}}\n', "is not a golden log: Object missing required field"),
        ('{"head":{"format":2,"more":1}}\n', "has log format 2, this version reads up to 1: upgrade playhead"),
    ],
)
def test_what_is_no_golden_log_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(LogFormatError, match=f"bad.jsonl {said}"):
        read_golden(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LogFormatError, match="it is not text"):
        read_golden(path)
    with pytest.raises(LogError, match="No such file"):
        read_golden(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "{",
        '{"run":"ab","seq":1,"at_ms":[1,2],"units":{"a":[]}}',
        '{"run":"aa","seq":1,"at_ms":[1],"units":{"a":[]}}',
        '{"seq":1,"at_ms":0,"kind":"input","leg":"model","type":"x","body":"","audio":{"bytes":3,"sha256":"0","at":0}}',
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = write_story(tmp_path / "story.jsonl", BAKERY[:3])
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(LogDamagedError, match=r"story\.jsonl, line 5: "):
        list(read_golden(path).rows())


def test_a_side_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    path = write_story(tmp_path / "story.jsonl", BAKERY)
    (tmp_path / "story.ulaw").write_bytes(b"\0" * 8000)
    result = replay(read_golden(path))
    assert result.verdict == "unknown"
    side = tmp_path / "story.ulaw"
    assert result.reason.endswith(f": its audio should be in {side}, and is not, or is another one")
    side.unlink()
    assert replay(read_golden(path)).reason.endswith(f": its audio should be in {side}, which is not there")
