"""The page of a long call: its size, how long it takes to make, to open, and how long it ever keeps a person waiting.

Waiting is what a browser calls a long task: one that runs for 50 ms and more, in which nothing else is drawn. The page
is opened from the disk in a headless Chromium, then scrolled, zoomed, searched and played.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from engine.bench.replaying import write_log
from engine.bench.stories import long_call
from engine.sim.world import run
from replay.sources import open_log
from replay.view.page import make_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPENINGS = 5
_WATCH = """
  window.bench = { ready: null, longest: 0 };
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) bench.longest = Math.max(bench.longest, task.duration);
  }).observe({ type: "longtask" });
  new MutationObserver(() => {
    bench.ready ??= document.documentElement?.dataset.ready ? performance.now() : null;
  }).observe(document, { attributes: true, childList: true, subtree: true, attributeFilter: ["data-ready"] });
"""


def measure(minutes: float, say: Callable[[str], None]) -> None:
    """Print the figures. Those of the browser only where there is one."""
    outcome = run(long_call(round(minutes * 60)), 1)
    with TemporaryDirectory() as folder:
        log_path = write_log(Path(folder), outcome.entries, outcome.scenario.settings)
        begin = perf_counter()
        with open_log(log_path) as log:
            page = make_page(log)
        seconds = perf_counter() - begin
        say(f"a call of {minutes:g} minutes, {len(outcome.entries):,} entries: a page of {len(page) / 1e6:.2f} MB")
        say(f"made in {seconds:.1f} s")
        path = Path(folder) / "call.html"
        path.write_bytes(page)
        browser = find_browser()
        if browser is None:
            say(f"no browser: install {BROWSERS[0]}, or name one in PLAYHEAD_BROWSER")
        else:
            _open(path, browser, say)


def find_browser() -> str | None:
    """The browser to measure in."""
    named = os.environ.get("PLAYHEAD_BROWSER", "")
    return named if Path(named).is_file() else next(filter(None, map(shutil.which, BROWSERS)), None)


def _open(path: Path, browser: str, say: Callable[[str], None]) -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        say("playwright is not installed: pip install playwright")
        return
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = []
        for _ in range(OPENINGS):
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(_WATCH)
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready=whole]")
            opened.append((page.evaluate("bench.ready"), page.evaluate("bench.longest")))
            if len(opened) < OPENINGS:
                page.close()
        ready = sorted(each[0] for each in opened)
        say(f"opens in {ready[len(ready) // 2]:.0f} ms ({ready[0]:.0f} to {ready[-1]:.0f}), in {OPENINGS} openings")
        say(f"longest task while it opens {max(each[1] for each in opened):.0f} ms")
        for name, act in (("scrolling", _scroll), ("zooming", _zoom), ("searching", _search), ("playing", _play)):
            page.evaluate("bench.longest = 0")
            act(page)
            say(f"longest task while {name} {page.evaluate('bench.longest'):.0f} ms (0: none of 50 ms or more)")
        chromium.close()


def _scroll(page: "Page") -> None:
    for selector, across, down in ((".axis", 700, 0), (".list", 0, 2_500), ("#conversation .body", 0, 600)):
        page.hover(selector)
        for _ in range(30):
            page.mouse.wheel(across, down)
            page.wait_for_timeout(16)


def _zoom(page: "Page") -> None:
    for key in ("+", "-") * 2:
        for _ in range(16):
            page.keyboard.press(key)
            page.wait_for_timeout(16)
    for _ in range(20):
        page.keyboard.press("ArrowRight")


def _search(page: "Page") -> None:
    page.keyboard.press("/")
    page.keyboard.type("cake until six", delay=30)
    page.wait_for_timeout(1_000)
    page.keyboard.press("Escape")


def _play(page: "Page") -> None:
    page.keyboard.press(" ")
    page.wait_for_timeout(3_000)
    page.keyboard.press(" ")
