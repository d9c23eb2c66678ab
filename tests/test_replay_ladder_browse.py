"""`replay ladder -i`: what each key does, what is then on the screen, and once the real thing on a terminal."""

import curses
import fcntl
import os
import select
import signal
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from engine.core import Entry
from replay import cli
from replay.columns import width
from replay.flow import browse_screen
from replay.flow.browse import KEYS, Book, State, press, rung_at, view
from replay.flow.ladder import climb
from replay.flow.seen import Look
from replay.paint import plain
from replay.places import timeline
from tests.replay_calls import bakery, log_of, write_sealed

ROOT = Path(__file__).resolve().parents[1]
ROWS, COLUMNS = 16, 100
HANG_SECONDS = 50
"""Only so that a broken program is a failing test and no hanging one."""
BAKERY = bakery()


def book(*problems: tuple[int, str], entries: Sequence[Entry] = BAKERY) -> Book:
    """The bakery to look at; of its `problems` each has the entry it is at."""
    log = log_of(entries)
    seen = list(Look(log))
    rungs = list(climb(seen))
    found = [(rung_at(rungs, seq), what) for seq, what in problems]
    return Book(rungs, {each.entry.seq: each.entry for each in seen}, found, timeline(log).seq_of)


BOOK = book((19, "the model \x1b took its time"), (123, "cut"), (206, "the caller went on"))


def after(*keys: str, of: Book = BOOK, rows: int = ROWS, state: State | None = None) -> State:
    state = state or State()
    for key in keys:
        state = press(of, state, key, rows, COLUMNS)
    return state


def entry(state: State, of: Book = BOOK) -> int:
    """The number of the entry one is at."""
    return of.rungs[state.cursor].seq


def screen(state: State, of: Book = BOOK, rows: int = ROWS, columns: int = COLUMNS) -> list[str]:
    """What is seen, the line one is at with a > in front."""
    shown = view(of, state, rows, columns)
    assert len(shown) == rows
    lines = [plain([row.line]).rstrip("\n") for row in shown]
    assert max(map(width, lines)) <= columns
    return [f">{line}" if row.is_cursor else line for line, row in zip(lines, shown, strict=True)]


class TestMoving:
    @pytest.mark.parametrize(
        ("keys", "at"),
        [
            ("down", 2),
            ("down down up", 2),
            ("up", 1),
            ("pagedown", 23),
            ("pagedown pageup", 1),
            ("end", 213),
            ("end down", 213),
            ("end home", 1),
            ("j j k", 2),
            ("G", 213),
            ("x other", 1),
        ],
    )
    def test_up_and_down(self, keys: str, at: int) -> None:
        assert entry(after(*keys.split())) == at

    def test_the_ladder_moves_only_when_it_must(self) -> None:
        tops = [after(*["down"] * count).top for count in (0, 13, 14, 20)]
        assert tops == [0, 0, 1, 7]
        assert after(*["down"] * 20, *["up"] * 13).top == 7
        assert after(*["down"] * 20, *["up"] * 14).top == 6

    def test_where_one_is_stays_in_sight_when_a_pane_opens(self) -> None:
        state = after("end", "enter")
        assert [line[:9] for line in screen(state) if line.startswith(">")] == [">    213"[:9] + " "]

    def test_quitting(self) -> None:
        assert after("q").is_over
        assert not after("down").is_over


class TestProblems:
    def test_n_goes_from_one_to_the_next_and_says_what_it_is(self) -> None:
        states = [after(*["n"] * count) for count in (1, 2, 3, 4)]
        assert [(entry(state), state.message) for state in states] == [
            (19, "the model \\x1b took its time"),
            (123, "cut"),
            (206, "the caller went on"),
            (206, "no problem after this"),
        ]

    def test_and_back(self) -> None:
        assert [entry(after("end", *["N"] * count)) for count in (1, 2, 3)] == [206, 123, 19]
        assert after("N").message == "no problem before this"

    def test_what_was_said_is_gone_with_the_next_key(self) -> None:
        assert screen(after("n", "n"))[-1] == "cut"
        assert after("n", "down").message == ""

    def test_a_call_without_any(self) -> None:
        assert after("n", of=book()).message == "no problem was found"


class TestSearching:
    @pytest.mark.parametrize(
        ("typed", "at"), [("DISCOUNT", 22), ("trunc", 123), ("event_13", 130), ("cut", 1), ("mark-12 to", 119)]
    )
    def test_in_labels_details_and_frames(self, typed: str, at: int) -> None:
        state = after("/", *typed, "enter")
        assert entry(state) == at
        assert state.message == ("nothing here says 'cut'" if at == 1 else "")

    def test_again_and_around(self) -> None:
        found = [entry(after("/", *"item_u1", "enter", *["/", "enter"] * count)) for count in range(7)]
        assert found == [116, 131, 206, 207, 116, 131, 206]

    def test_n_goes_on_to_matches_until_escape(self) -> None:
        state = after("/", *"item_u1", "enter")
        assert [entry(after(*["n"] * count, state=state)) for count in range(5)] == [116, 131, 206, 207, 116]
        assert [entry(after(*["N"] * count, state=state)) for count in range(3)] == [116, 207, 206]
        assert screen(state)[-1] == "entry 116, 19 of 36, /item_u1: n N, Esc   ? keys  q quit"
        assert entry(after("escape", "n", state=state)) == 123

    def test_nothing_typed_is_no_search(self) -> None:
        assert after("down", "/", "enter") == State(cursor=1)

    def test_what_is_typed_can_be_changed_and_given_up(self) -> None:
        assert after("/", "a", "b", "backspace", "up", "\x01").typed == "a"
        assert screen(after("/", "a"))[-1] == "search: a"
        assert after("/", "a", "escape") == State(typed="a")


class TestGoing:
    @pytest.mark.parametrize(
        ("typed", "at"), [("0.62s", 125), ("seq:117", 117), ("seq:60", 53), ("mark:sentinel-15", 122), ("start", 1)]
    )
    def test_to_a_place(self, typed: str, at: int) -> None:
        assert entry(after("g", *typed, "enter", state=State(cursor=4))) == at

    def test_which_must_be_one(self) -> None:
        assert screen(after("g", *"nowhere"))[-1] == "go to: nowhere"
        assert after("g", *"nowhere", "enter").message.startswith("'nowhere' is no place in a call.")
        assert after("g", *"turn:9", "enter").message == "there is no turn 9: the call has 2 turns"

    def test_an_entry_that_is_not_shown_is_the_one_before(self) -> None:
        assert rung_at(BOOK.rungs[5:], 1) == 0


class TestTheScreen:
    def test_the_ladder(self) -> None:
        assert screen(after("down", "down"), rows=6) == [
            "  entry       time  gap     caller                          bridge                             model",
            "      1   0:00.000          │                        [ leg.opened caller ]                         │",
            "      2   0:00.000          │─ connected ─────────────────────▶│                                   │",
            ">      3   0:00.000          │─ start ─────────────────────────▶│ CA0123456789abcdef0123456789abcde…│",
            "      4   0:00.000          │                   [ dial_model gpt-realtime-2.1 ]                    │",
            "entry 3, 3 of 36, 3 problems   ? keys  q quit",
        ]

    def test_a_short_one_ends_above_the_last_line(self) -> None:
        small = book((2, "odd"), entries=BAKERY[:2])
        assert screen(State(), small, rows=5)[3:] == ["", "entry 1, 1 of 2, 1 problem   ? keys  q quit"]

    def test_the_frame_below_it(self) -> None:
        state = after("/", *"truncated", "enter", "enter", rows=20)
        assert screen(state, rows=20)[10:] == [
            "── entry 130, input model conversation.item.truncated " + "─" * 45,
            "{",
            '  "type": "conversation.item.truncated",',
            '  "event_id": "event_13",',
            '  "item_id": "item_1",',
            '  "content_index": 0,',
            '  "audio_end_ms": 520',
            "}",
            "",
            "entry 130, 27 of 36, /truncated: n N, Esc   ? keys  q quit",
        ]
        assert screen(after("t", "t")) == screen(State())

    def test_a_long_frame_is_scrolled(self) -> None:
        state = after("/", *"truncated", "enter", "enter")
        assert screen(state)[8] == ("── entry 130, input model conversation.item.truncated (1 more: Right) " + "─" * 29)
        assert screen(state)[9:15] == [
            "{",
            '  "type": "conversation.item.truncated",',
            '  "event_id": "event_13",',
            '  "item_id": "item_1",',
            '  "content_index": 0,',
            '  "audio_end_ms": 520',
        ]
        right = after("right", "right", state=state)
        assert screen(right)[14] == "}"
        assert screen(after("left", state=right)) == screen(state)
        assert after("right").skipped == 0

    def test_of_a_bar_the_first_frame_is_shown_and_what_is_no_json_as_it_is(self) -> None:
        assert screen(after("g", *"seq:53", "enter", "t"))[8].startswith(
            "── entry 53, input caller mark, the first of 11 ("
        )
        spoilt = book(entries=[replace(BAKERY[1], body="gar\x1bbage")])
        assert screen(after("t", of=spoilt), spoilt)[9:11] == ["gar\\x1bbage", ""]

    def test_the_keys(self) -> None:
        shown = screen(after("?", rows=26), rows=26)
        assert shown[13:24] == [
            "── keys " + "─" * 91,
            *(f"{keys:<29} {does}" for keys, does in KEYS),
        ]
        assert screen(after("?", "?")) == screen(State())


class TestTwoFrames:
    def test_what_differs(self) -> None:
        state = after("g", *"seq:123", "enter", " ", "/", *"item.truncated", "enter", " ")
        assert [line for line in screen(state) if "123" in line] == [
            "*   123   0:00.620          │ at 520 ms, item_1                │─ item.truncate ──────────────────▶│",
            "── * entry 123 against entry 130 " + "─" * 66,
        ]
        assert screen(state)[9:12] == [
            'type: "conversation.item.truncate" | "conversation.item.truncated"',
            'event_id: "truncate-1" | "event_13"',
            "",
        ]

    def test_moving_on_compares_with_the_next(self) -> None:
        state = after(" ", "down", " ", "up", "down")
        assert screen(state)[8].startswith("── * entry 1 against entry 2 ")
        assert "they say the same" in screen(after("up", state=state))[9]

    @pytest.mark.parametrize("keys", [" , ", " ,down, , ", " ,down, ,escape", " ,down, ,up, "])
    def test_it_ends_by_the_same_key_or_escape(self, keys: str) -> None:
        state = after(*keys.split(","))
        assert (state.marked, state.pane) == (None, "")

    def test_an_open_frame_stays_open_without_a_mark(self) -> None:
        assert after("enter", " ", " ").pane == "frame"


class FakeScreen:
    """As much of a curses window as is used. Every drawing is kept."""

    def __init__(self, *keys: str | int, rows: int = 8, columns: int = 60) -> None:
        self.keys = [*keys]
        self.size = (rows, columns)
        self.drawn: list[dict[int, str]] = []
        self.attributes: set[int] = set()
        self._lines: dict[int, str] = {}

    def getmaxyx(self) -> tuple[int, int]:
        return self.size

    def erase(self) -> None:
        self._lines = {}

    def addstr(self, y: int, x: int, text: str, attributes: int, /) -> None:
        assert len(self._lines.get(y, "")) == x
        self._lines[y] = self._lines.get(y, "") + text
        assert x + len(text) <= self.size[1] - (y == self.size[0] - 1)
        self.attributes.add(attributes)

    def refresh(self) -> None:
        self.drawn.append(self._lines)

    def get_wch(self) -> str | int:
        if not self.keys:
            raise curses.error("no input")
        return self.keys.pop(0)


class TestCurses:
    def test_keys_come_in_and_lines_go_out(self) -> None:
        window = FakeScreen(curses.KEY_DOWN, "\n", curses.KEY_RESIZE, curses.KEY_F5, "q")
        browse_screen.run(window, BOOK, {"dim": curses.A_DIM})
        assert len(window.drawn) == 5
        assert window.drawn[1][7].startswith("entry 2, 2 of 36")
        assert window.drawn[2][4].startswith("── entry 2, input caller connected")
        assert {curses.A_DIM, curses.A_DIM | curses.A_REVERSE} <= window.attributes

    def test_a_terminal_that_goes_away_ends_it(self) -> None:
        window = FakeScreen("\x1b")
        browse_screen.run(window, BOOK, {})
        assert len(window.drawn) == 2

    def test_one_that_is_far_too_small_shows_what_it_can(self) -> None:
        window = FakeScreen("t", "q", rows=2, columns=20)
        browse_screen.run(window, BOOK, {})
        assert len(window.drawn[1]) == 2

    @pytest.mark.parametrize(("no_color", "pairs"), [("", 4), ("1", 0)])
    def test_colours_where_they_are_welcome(self, no_color: str, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[int] = []
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr(curses, "has_colors", lambda: True)
        monkeypatch.setattr(curses, "use_default_colors", lambda: None)
        monkeypatch.setattr(curses, "init_pair", lambda number, colour, ground: made.append(number))
        monkeypatch.setattr(curses, "color_pair", lambda number: number << 8)
        monkeypatch.setattr(curses, "curs_set", _refuses)
        window = FakeScreen("q")
        monkeypatch.setattr(curses, "set_escdelay", lambda ms: None)
        monkeypatch.setattr(curses, "wrapper", lambda inside, given: inside(window, given))
        browse_screen.browse(BOOK)
        assert len(made) == pairs
        assert bool(window.attributes & {1 << 8, 2 << 8}) == bool(pairs)


def _refuses(visibility: int) -> int:
    raise curses.error("curs_set() returned ERR")


class TestTheCommand:
    def test_a_terminal_that_cannot_show_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def dumb(found: Book) -> None:
            raise curses.error("cannot move the cursor")

        done = self.invoke(tmp_path, monkeypatch, dumb)
        assert (done.exit_code, done.stderr) == (2, "replay: this terminal cannot show it: cannot move the cursor\n")

    def test_it_brings_the_ladder_its_frames_and_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        brought: list[Book] = []
        done = self.invoke(tmp_path, monkeypatch, brought.append)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        [found] = brought
        assert found.rungs == BOOK.rungs
        assert found.entries == BOOK.entries
        assert entry(after("g", *"turn:2", "enter", of=found)) == entry(after("g", *"turn:2", "enter"))

    def test_a_terminal_that_is_dumb(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.invoke(tmp_path, monkeypatch, _refuses, term="dumb")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "replay: -i needs a terminal that can move its cursor: TERM says that this one cannot\n"

    def test_nothing_to_move_about_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.invoke(tmp_path, monkeypatch, _refuses, "--leg", "model", "--to", "seq:2")
        assert (done.exit_code, done.stderr) == (0, "replay: no entry is like that\n")

    @staticmethod
    def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browse: Any, *args: str, term: str = "xterm") -> Any:
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(browse_screen, "browse", browse)
        monkeypatch.setattr("replay.commands.ladder._is_terminal", lambda: True)
        return CliRunner().invoke(cli.cli, ["ladder", str(write_sealed(tmp_path, BAKERY)), "-i", *args])


class TestTheRealThing:
    def test_over_a_terminal(self, tmp_path: Path) -> None:
        """Keys are pressed when what they are pressed for is on the screen."""
        path = write_sealed(tmp_path, BAKERY)
        terminal = Terminal(["ladder", str(path), "-i"])
        terminal.waits_for("leg.opened caller")
        terminal.press("/item.truncate\r", "item.truncate ─")
        terminal.press("t", '"audio_end_ms": 520')
        terminal.press("\x1b[B?", "go to a place")
        assert terminal.ends("q") == 0


class Terminal:
    """A program that believes to be on a terminal of 30 rows and 100 columns."""

    def __init__(self, args: Sequence[str]) -> None:
        self.pid, self.end = os.forkpty()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
                env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
                os.chdir(ROOT)
                os.execve(sys.executable, [sys.executable, "-c", "from replay.cli import main; main()", *args], env)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        self.shown = b""

    def waits_for(self, text: str) -> None:
        while text.encode() not in self.shown:
            ready, _, _ = select.select([self.end], [], [], HANG_SECONDS)
            assert ready, f"{text!r} does not come"
            self.shown += os.read(self.end, 65536)
        self.shown = b""

    def press(self, keys: str, until: str) -> None:
        os.write(self.end, keys.encode())
        self.waits_for(until)

    def ends(self, key: str) -> int:
        os.write(self.end, key.encode())
        try:
            while os.read(self.end, 65536):
                pass
        except OSError:  # Linux: the other end of the terminal is closed
            pass
        os.close(self.end)
        return os.waitpid(self.pid, 0)[1]
