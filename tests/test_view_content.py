"""What is in a page, asked in a browser: the sound to the sample, every entry to the byte, the core's state at every
step; other people's text; how it looks in the dark and on a narrow screen.

The page's own modules are asked where the whole of something is compared.
"""

import json
from array import array
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.core.audio import linear
from replay.metrics.problems import survey
from replay.rows import Log
from replay.sound.ear import tracks
from replay.state.states import CLOCKS, States
from replay.view import page as pages
from replay.view.page import make_page
from replay.walk import Walk
from tests import replay_calls, view_calls
from tests.browser import NARROW, Opener, browser, opened, tabs, until
from tests.view_calls import ATTACK, demo, demo_page, entries_of, page_of

__all__ = ["browser", "opened", "tabs"]

WAV = """async () => {
  const file = await (await fetch(document.querySelector("audio").src)).arrayBuffer();
  const bytes = new Uint8Array(file);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}"""


def played(page: Page) -> "tuple[array[int], array[int]]":
    """The two channels of the file that the page plays."""
    file = b64decode(page.evaluate(WAV))
    assert file[:4] + file[8:16] == b"RIFFWAVEfmt "
    samples = array("h", file[44:])
    return samples[0::2], samples[1::2]


def linears(track: bytes) -> list[int]:
    values = [linear(code) for code in range(256)]
    return [values[code] for code in track]


class TestSound:
    def test_is_what_was_said_and_heard_to_the_sample(self, opened: Opener) -> None:
        page = opened(demo_page(), ready="whole", bypass_csp=True)
        assert page.locator(".quality").inner_text() == "sound: exact"
        heard = tracks(demo())
        left, right = played(page)
        assert list(left) == linears(heard.caller)
        assert list(right) == linears(heard.ear)

    def test_each_voice_can_be_silenced_and_what_was_cut_be_heard(self, opened: Opener) -> None:
        page = opened(demo_page(), "#t=2.0", ready="whole", bypass_csp=True)
        heard = tracks(demo())
        for voice in ("caller", "unheard"):
            before = page.evaluate("document.querySelector('audio').src")
            page.click(f".voice.{voice}")
            until(page, "document.querySelector('audio').src !== it", before)
        assert page.locator(".voice.caller").get_attribute("aria-pressed") == "false"
        left, right = played(page)
        assert set(left) == {0}
        ear, ghost = linears(heard.ear), linears(heard.unheard)
        assert any(ghost)
        assert list(right) == [one or other for one, other in zip(ear, ghost, strict=True)]
        assert page.evaluate("document.querySelector('audio').currentTime") == 2.0

    def test_where_there_is_no_room_it_is_as_exact_as_it_says(
        self, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        most = len(demo_page()) - 5_000
        monkeypatch.setattr(pages, "SIZE_MAX", most)
        monkeypatch.setattr(pages, "SOUND_MIN", 1)
        made = make_page(demo())
        assert len(made) <= most
        page = opened(made, ready="whole", bypass_csp=True)
        said = page.locator(".quality").inner_text()
        bits = int(said.split()[1])
        assert said == f"sound: {bits} of 8 bits; replay audio writes it exactly"
        assert bits in (6, 7)
        _, right = played(page)
        exact = tracks(demo()).ear
        ranks = sorted(range(256), key=lambda code: (linear(code), code))
        coarse = {code: ranks.index(code) >> 8 - bits for code in range(256)}
        groups: dict[int, list[int]] = {}
        for code, rank in coarse.items():
            groups.setdefault(rank, []).append(linear(code))
        for code, value in zip(exact, right, strict=True):
            group = groups[coarse[code]]
            assert min(group) <= value <= max(group)

    def test_without_any_there_is_none_to_play(self, opened: Opener) -> None:
        page = opened(make_page(replay_calls.log_of(replay_calls.bakery()[:3])))
        page.keyboard.press(" ")
        assert page.locator("#said").inner_text() == "There is no sound in this log."
        assert page.evaluate("document.querySelector('audio').src") == ""


class TestData:
    @pytest.mark.parametrize("log", [demo, view_calls.hostile], ids=["demo", "hostile"])
    def test_every_entry_is_in_it_to_the_byte(self, log: Any, opened: Opener) -> None:
        page = opened.again(page_of(log()))
        found = page.evaluate(
            """async () => {
              const entries = new modules.entries.Entries(await modules.blobs.unpackJson("entries"));
              return Array.from({ length: entries.count }, (_, at) => {
                const { kind, leg, type } = entries.kind(at);
                return [entries.seq(at), kind, leg, type, entries.body(at), entries.cause(at)];
              });
            }"""
        )
        assert found == [[e.seq, e.kind, e.leg, e.type, e.body, e.cause] for e in entries_of(log())]

    @pytest.mark.parametrize("log", [demo, view_calls.hostile], ids=["demo", "hostile"])
    def test_the_state_after_every_step_is_the_cores(self, log: Any, opened: Opener) -> None:
        """Going back and forth: what was given out before must not change any more."""
        page = opened.again(page_of(log()))
        page.evaluate(
            "async () => window.kept = new modules.history.History(await modules.blobs.unpackJson('history'))"
        )
        wanted = dict(_states(log()))
        steps = [*wanted][::7]
        for step in [*steps, *steps[::-5]]:
            found = json.loads(page.evaluate("step => JSON.stringify(kept.after(step).state)", step))
            assert found == wanted[step], step

    def test_the_state_pane_shows_what_a_step_changed(self, opened: Opener) -> None:
        page = opened(make_page(replay_calls.log_of(replay_calls.bakery())))
        page.keyboard.press("g")
        page.keyboard.type("seq:123")
        page.keyboard.press("Enter")
        changes = page.locator(".changes li").all_inner_texts()
        assert any("conversation.items.item_1.repair" in each and "truncate" in each for each in changes)
        branch = page.locator("#state summary", has_text="conversation").first
        branch.click()
        page.locator("#state summary", has_text="items").first.click()
        expect(page.locator("#state summary", has_text="item_1").first).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#state summary", has_text="item_1").first).to_be_visible()

    def test_turns_are_sorted_by_the_longest_wait_and_by_any_column(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        page.click("#tab-turns")
        measured = survey(demo())[0].turns
        waits = {each.number: each.latency_ms if each.latency_ms is not None else each.wait_ms for each in measured}
        rest = [number for number, wait in waits.items() if wait is None]
        waited = sorted(set(waits) - set(rest), key=lambda number: (-(waits[number] or 0), number))
        column = page.locator(".turn-table tbody td.number")
        assert [int(each) for each in column.all_inner_texts()] == [*waited, *rest]
        page.click("text=waited")
        assert [int(each) for each in column.all_inner_texts()] == [*waited[::-1], *rest]
        assert page.locator("th.latency").get_attribute("aria-sort") == "ascending"
        page.click("th.number button")
        assert [int(each) for each in column.all_inner_texts()] == sorted(waits)
        third = page.locator(".turn-table tbody tr").nth(2)
        parts = next(each.parts for each in measured if each.number == 3)
        assert third.locator(".parts span").all_inner_texts() == [f"{part} {ms}" for part, ms in parts.items()]
        third.locator("button").click()
        assert page.locator(".transport output").inner_text().startswith("0:08.716")


def _states(log: Log) -> Iterator[tuple[int, Any]]:
    """What the core's state is after each step that is no frame of the caller, without the clocks that pages omit."""
    walk = Walk(log)
    states = States(walk.call)
    for step, moment in enumerate(walk):
        if moment.entries[0].type != "media":
            made = json.loads(json.dumps(states.data(), default=list))
            for part, name in CLOCKS:
                made.get(part, {}).pop(name, None)
            yield step, made


class TestOtherPeoplesText:
    def test_is_text_and_nothing_else(self, opened: Opener) -> None:
        """In the transcript, in names, types and errors, in frames that are no JSON."""
        made = make_page(view_calls.hostile())
        page = opened(made)
        assert ATTACK.split()[0] in page.locator("#conversation").inner_text()
        for tab in ("#tab-turns", "#tab-problems", "#tab-ladder"):
            page.click(tab)
        page.keyboard.press("/")
        page.keyboard.type("onerror")
        expect(page.locator(".hits button").nth(3)).to_be_visible()
        page.keyboard.press("Enter")
        for _ in range(len(entries_of(view_calls.hostile())) // 8):
            page.keyboard.press("ArrowRight")
        assert page.evaluate("window.pwned") is None
        assert page.locator("img, iframe, object, embed").count() == 0
        assert page.evaluate("document.scripts.length") == made.count(b"<script ") + made.count(b"<script>")

    def test_the_policy_lets_nothing_else_run_or_be_loaded(self, browser: Browser, tmp_path: Any) -> None:
        """Were a text ever to become markup, it still could do nothing."""
        file = tmp_path / "call.html"
        markup = ATTACK.replace("<!--", "") + "<img src=https://example.com/a.png>"
        file.write_bytes(demo_page().replace(b"</main>", f"</main>{markup}".encode()))
        page = browser.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        assert page.evaluate("window.pwned") is None
        assert sum("violates the following Content Security Policy" in each for each in refused) >= 3
        page.close()


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_follows_the_system_until_told_otherwise(self, scheme: str, opened: Opener) -> None:
        page = opened(demo_page(), color_scheme=scheme)
        bright = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
        other = {"light": "dark", "dark": "light"}[scheme]
        background = "getComputedStyle(document.querySelector('#timeline')).backgroundColor"
        canvas = "document.querySelector('.axis canvas').toDataURL()"
        before = page.evaluate(canvas)
        assert page.evaluate(background) == bright[scheme]
        page.click(f"#head button:text-is('{other}')")
        assert page.evaluate(background) == bright[other]
        until(page, f"{canvas} !== it", before)
        assert page.locator(f"#head button:text-is('{scheme}')").count() == 1

    def test_fits_a_narrow_screen_and_obeys_a_finger(self, opened: Opener) -> None:
        page = opened(demo_page(), viewport=NARROW, has_touch=True, is_mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        box = page.locator(".axis").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 80)
        shown, whole = page.locator(".transport output").inner_text().split(" / ")
        assert abs(_seconds(shown) - _seconds(whole) / 2) < 0.1

    def test_a_mouse_drags_the_cursor_and_the_window(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        box = page.locator(".axis").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        page.mouse.up()
        shown, whole = page.locator(".transport output").inner_text().split(" / ")
        assert abs(_seconds(shown) - _seconds(whole) / 2) < 0.1
        for _ in range(4):
            page.keyboard.press("+")
        ruler = page.evaluate("document.querySelector('.axis canvas').toDataURL()")
        window = page.locator(".strip [part^=region]").first
        expect(window).to_be_visible()
        place = window.bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 8)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] / 2 + 120, place["y"] + 8, steps=4)
        page.mouse.up()
        until(page, "document.querySelector('.axis canvas').toDataURL() !== it", ruler)
        assert page.locator(".transport output").inner_text() == f"{shown} / {whole}"

    def test_pointing_at_something_tells_what_it_is(self, opened: Opener) -> None:
        page = opened.again(demo_page())
        box = page.locator(".axis").bounding_box()
        assert box is not None
        whole = _seconds(page.locator(".transport output").inner_text().split(" / ")[1])
        page.mouse.move(box["x"] + box["width"] * 14.054 / whole, box["y"] + 44 + 112 + 34)
        assert page.locator(".tip").inner_text().startswith("caller began 0:13.820, clear sent 0:13.957 (+137 ms)")
        page.mouse.down()
        page.mouse.up()
        assert page.locator("#entry .type").inner_text() in ("clear", "input_audio_buffer.speech_started")


def _seconds(clock: str) -> float:
    minutes, seconds = clock.split(":")
    return int(minutes) * 60 + float(seconds)
