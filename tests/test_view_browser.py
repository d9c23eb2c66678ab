"""The page in a browser: it opens for any log, and everything can be done by keys.

What the page shows is compared with what `replay` says of the same log. See `browser` for what holds of every page.
"""

import re
from bisect import bisect_right

import pytest
from playwright.sync_api import Page, expect

from replay.flow.ladder import rungs
from replay.goldens.golden import read_golden
from replay.metrics.problems import survey
from replay.places import PlaceError, Timeline, parse, timeline
from replay.runner import replay
from replay.view.page import make_page
from tests import replay_calls, view_calls
from tests.away_calls import WORD
from tests.browser import Opener, browser, opened, tabs, until
from tests.view_calls import demo, demo_page

__all__ = ["browser", "opened", "tabs"]


def clock(page: Page) -> float:
    """Where the cursor is, in seconds of the stream."""
    shown = page.locator(".transport output").inner_text().split(" / ")[0]
    minutes, seconds = shown.split(":")
    return int(minutes) * 60 + float(seconds)


def seq(page: Page) -> int:
    """The entry that is shown."""
    return int(page.locator("#entry h2 small").inner_text().replace(",", ""))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def ask(page: Page, key: str, text: str) -> None:
    """Open the box with a key, and type into it."""
    page.keyboard.press(key)
    page.keyboard.type(text)


def step_of(line: Timeline, wanted: int) -> int:
    """The step of an entry."""
    return bisect_right(line.seqs, wanted) - 1


def telling() -> list[int]:
    """The entries of the demo that tell something, in order: those of the ladder that are not folded."""
    return [rung.seq for rung in rungs(demo()) if rung.kind in ("frame", "note", "trouble")]


class TestOpening:
    def test_shows_what_happened(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        report = replay(demo()).report
        assert page.locator("#head h1").inner_text() == demo().head.call_sid
        assert page.locator("#verdict strong").inner_text() == "✓ same"
        assert page.locator("#conversation .turn").count() == len(report.turns)
        cut = page.locator("#conversation .turn", has=page.locator("del"))
        assert cut.count() == 1
        assert (
            re.sub(r"\s+", " ", cut.locator(".said").inner_text())
            == "We also have a store discount ✂ you can apply now."
        )
        assert cut.locator("del").all_inner_texts() == ["you", "can", "apply", "now."]
        assert "truncate at 1,396 ms: ok" in cut.inner_text()

    def test_opens_at_a_time_and_the_address_follows_the_cursor(self, opened: Opener) -> None:
        page = opened(demo_page(), "#t=13.7")
        assert clock(page) == 13.7
        press(page, "ArrowRight")
        until(page, "location.hash === it", f"#t={clock(page):.3f}")
        page.evaluate("location.hash = '#t=2.500'")
        until(page, "document.querySelector('output').textContent.startsWith('0:02.500')")

    @pytest.mark.parametrize("name", ["hole", "cut", "none", "running", "empty"])
    def test_any_log_has_a_page(self, name: str, opened: Opener) -> None:
        """A hole, a cut in the middle of a step, a call that never began, one that still runs, no entries at all."""
        whole = replay_calls.bakery()
        logs = {
            "hole": replay_calls.log_of([*whole[:18], *whole[19:]]),
            "cut": replay_calls.log_of(whole[:117]),
            "none": replay_calls.log_of(whole[:3]),
            "running": view_calls.running(),
            "empty": replay_calls.log_of([]),
        }
        log = logs[name]
        page = opened(make_page(log))
        result = replay(log)
        assert page.locator("#verdict .why").inner_text() == result.reason
        assert page.locator("#verdict strong").inner_text().split()[1] == result.verdict
        press(page, "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "n", "N", "+", "-", "0", " ")
        page.click("#tab-turns")
        page.click("#tab-problems")
        assert page.locator("#conversation .turn").count() == len(result.report.turns)

    def test_a_time_without_the_model_is_told_where_it_is(self, opened: Opener) -> None:
        """On the axis, in the ladder whose lane is broken, and at the words that no model said."""
        page = opened(make_page(read_golden(WORD)), "#t=3.5")
        axis = page.locator(".axis")
        box = axis.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        tip = page.locator(".tip")
        expect(tip).to_have_text(
            "the model was lost for 2,425 ms: the model's socket closed (None): the connection broke off; "
            "dials 4, items restored 2"
        )
        told = tip.bounding_box()
        assert told is not None
        assert told["y"] >= box["y"], "not cut off"
        said = page.locator("#conversation .turn").last.inner_text()
        assert said.endswith("said by the bridge, for the model was away")
        current = page.locator(".rung[aria-selected=true]")
        assert current.get_attribute("class") == "rung note away"
        page.evaluate("location.hash = '#t=0.300'")
        expect(current).not_to_have_class(re.compile("away"))

    def test_a_divergence_stands_side_by_side(self, opened: Opener) -> None:
        page = opened(make_page(view_calls.spoilt()))
        assert page.locator("#verdict .why").inner_text() == "recorded and replayed part at entry 123"
        assert page.locator("#verdict tbody").inner_text().split() == ["audio_end_ms", "400", "520"]
        page.click("text=go to entry 123")
        assert seq(page) == 123
        assert '"audio_end_ms": 400' in page.locator("#entry pre").inner_text()
        page.click("text=both entries, whole")
        assert [each.split("\n")[0] for each in page.locator(".sides > div").all_inner_texts()] == [
            "recorded",
            "replayed",
        ]

    def test_says_what_sound_there_is(self, opened: Opener) -> None:
        silent = opened(make_page(replay_calls.log_of(replay_calls.bakery()[:3])))
        assert silent.locator(".quality").inner_text() == "no sound in this log"
        assert silent.locator(".play").is_disabled()
        assert opened.again(demo_page()).locator(".quality").inner_text() == "sound: exact"


class TestKeys:
    def test_space_plays_and_the_cursor_follows(self, opened: Opener) -> None:
        page = opened.again(demo_page(), "#t=1.000", ready="whole")
        press(page, " ")
        until(page, "document.querySelector('audio').currentTime > 1.3")
        press(page, " ")
        assert page.evaluate("document.querySelector('audio').paused")
        assert abs(clock(page) - page.evaluate("document.querySelector('audio').currentTime")) < 0.2
        assert page.locator(".play").get_attribute("aria-label") == "Play"
        assert page.locator(".word.now").count() == 1

    def test_the_sound_goes_where_the_cursor_goes(self, opened: Opener) -> None:
        page = opened.again(demo_page(), ready="whole")
        page.locator("#conversation .turn .time").nth(2).click()
        assert page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(clock(page), abs=0.001)

    def test_arrows_step_entries(self, opened: Opener) -> None:
        page = opened.again(demo_page(), "#t=13.9")
        steps = telling()
        begin = steps.index(seq(page))
        press(page, "ArrowRight", "ArrowRight", "ArrowRight")
        assert seq(page) == steps[begin + 3]
        press(page, "ArrowLeft")
        assert seq(page) == steps[begin + 2]
        press(page, "Shift+ArrowRight", "Shift+ArrowRight")
        assert seq(page) == steps[begin + 2] + 2
        press(page, "Shift+ArrowLeft")
        assert seq(page) == steps[begin + 2] + 1
        press(page, "ArrowLeft")
        assert seq(page) == steps[begin + 2]
        selected = page.locator(".rung[aria-selected=true]")
        assert selected.get_attribute("aria-label") is not None
        assert page.locator(".list").get_attribute("aria-activedescendant") == selected.get_attribute("id")

    def test_n_goes_through_the_problems(self, opened: Opener) -> None:
        log = view_calls.spoilt()
        found = sorted([each.stream_ms for each in survey(log)[1]] + [620])
        page = opened(make_page(log))
        seen = []
        for _ in found:
            press(page, "n")
            seen.append(round(clock(page) * 1000))
        assert seen == found
        press(page, "n")
        assert page.locator("#said").inner_text() == "No problem after this."
        press(page, "N")
        assert round(clock(page) * 1000) == found[-2]
        assert page.locator("#said").inner_text().startswith(f"Problem {len(found) - 1} of {len(found)}: ")

    def test_g_goes_to_the_places_of_the_command_line(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        line = timeline(demo())
        probe = [name for name in line.marks if name.startswith("probe")][1]
        for text in ("13.9", "13.9s", "0:13.9", "13900ms", "seq:1000", "turn:3", f"mark:{probe}", "start", "end"):
            ask(page, "g", text)
            press(page, "Enter")
            expect(page.locator("dialog.finder")).to_be_hidden()
            place = parse(text)
            wanted = line.seq_of(place)
            if place.kind == "time":
                assert clock(page) == place.value / 1000
            elif place.kind == "turn":
                assert round(clock(page) * 1000) == line.turns[place.value - 1].start_ms
            elif place.kind in ("seq", "mark"):
                assert seq(page) in (place.value, wanted)
            assert line.ats[step_of(line, wanted)] // 8 <= round(clock(page) * 1000)
        for text in ("seq:99999", "turn:77", "mark:nobody", "0:60", "1:75.5s", "yesterday"):
            ask(page, "g", text)
            press(page, "Enter")
            expect(page.locator(".finder .told")).to_have_text(re.compile("^(There is no |That is no place)"))
            with pytest.raises((PlaceError, ValueError)):
                line.seq_of(parse(text))
            press(page, "Escape")

    def test_slash_searches_words_and_frames(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        ask(page, "/", "neighbors")
        first = page.locator(".hits button").first
        expect(first).to_contain_text("assistant")
        press(page, "Enter")
        assert clock(page) == pytest.approx(16.151, abs=0.001)
        ask(page, "/", "item.truncate")
        expect(page.locator(".hits button")).to_have_count(2)
        press(page, "ArrowDown", "ArrowDown", "Enter")
        assert page.locator("#entry .type").inner_text() == "conversation.item.truncated"
        ask(page, "/", "no such thing")
        expect(page.locator(".finder .told")).to_have_text("not found")
        press(page, "Escape")
        expect(page.locator("dialog.finder")).to_be_hidden()

    def test_plus_and_minus_zoom_around_the_cursor(self, opened: Opener) -> None:
        page = opened.again(demo_page(), "#t=13.9")
        line = page.locator(".axis .cursor")
        press(page, "0")
        page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        whole = page.evaluate("document.querySelector('.axis canvas').toDataURL()")
        before = line.bounding_box()
        press(page, "+", "+")
        until(page, "document.querySelector('.axis canvas').toDataURL() !== it", whole)
        after = line.bounding_box()
        assert before is not None
        assert after is not None
        assert after["x"] == pytest.approx(before["x"], abs=2)
        expect(page.locator(".overview .strip")).to_be_visible()
        press(page, "-", "0")
        until(page, "document.querySelector('.axis canvas').toDataURL() === it", whole)

    def test_help_names_every_key(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        press(page, "?")
        shown = page.locator("dialog.help kbd").all_inner_texts()
        assert shown == [*(["space", "→", "←", "n", "N", "g", "/", "+", "-", "0", "?", "Esc", "↑", "↓", "Tab"])]
        press(page, "Escape")
        expect(page.locator("dialog.help")).to_be_hidden()
        press(page, "?", "?")
        expect(page.locator("dialog.help")).to_be_hidden()

    def test_tab_reaches_everything_and_everything_has_a_name(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, summary, [tabindex=\"0\"], input')].filter((each) =>"
            " !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length)).length"
        )
        assert nameless == 0
        wanted = page.evaluate(
            "[...document.querySelectorAll('button, summary, [tabindex=\"0\"]')].filter((each) =>"
            " each.checkVisibility() && !each.disabled && each.tabIndex >= 0).length"
        )
        page.evaluate("window.reached = new Set(); document.addEventListener('focusin', (e) => reached.add(e.target))")
        for _ in range(wanted + 2):
            page.keyboard.press("Tab")
        assert page.evaluate("reached.size") == wanted

    def test_lists_and_tabs_are_worked_by_arrows(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        page.focus(".list")
        press(page, "Home", "ArrowDown", "ArrowDown")
        assert page.locator(".rung[aria-selected=true] .label").inner_text() == "start"
        press(page, "End")
        assert page.locator(".rung[aria-selected=true] .label").inner_text() == "end_call"
        page.focus("#tab-ladder")
        press(page, "ArrowRight")
        assert page.locator("#tab-turns").get_attribute("aria-selected") == "true"
        assert page.evaluate("document.activeElement.id") == "tab-turns"
        expect(page.locator("#pane-turns")).to_be_visible()
        expect(page.locator("#pane-ladder")).to_be_hidden()
