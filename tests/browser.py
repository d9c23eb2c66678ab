"""Pages in a real browser: opened from the disk, with nothing to reach, and no error let through.

The browser is Debian's Chromium, or what PLAYHEAD_BROWSER names; where there is none, tests that need it are skipped
and say so. With PLAYHEAD_BROWSER=required, as in CI, they fail instead.

One browser serves a module, and a tab whoever asks for one of its kind, one after the other: making a tab takes as long
as loading a page. Pages keep nothing in a browser, so a tab that went elsewhere is as good as new. Whatever a page
asks for that is not its own file, and every message on its console, is a failure at the end of the test.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from engine.bench.view import BROWSERS, find_browser

REQUIRED = "required"
WAIT_MS = 20_000
"""Longest wait for a page: of no meaning but that a test ends."""
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
OWN = ("file:", "blob:", "data:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    found = find_browser()
    if found is None:
        why = f"no browser: install one of {', '.join(BROWSERS)}, or name one in PLAYHEAD_BROWSER"
        if os.environ.get("PLAYHEAD_BROWSER") == REQUIRED:
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def until(page: Page, condition: str, argument: object = None) -> None:
    """Wait until something is true in the page; in it, `it` is the argument. (Playwright's own way to wait would have
    the page read a text as a script, which its policy forbids.)"""
    page.evaluate(
        f"""async (it) => {{
          const end = performance.now() + {WAIT_MS};
          while (!({condition})) {{
            if (performance.now() > end) throw new Error("this never came true");
            await new Promise((resume) => setTimeout(resume, 10));
          }}
        }}""",
        argument,
    )


class Tabs:
    """The tabs of a browser by their profile, and what the pages in them complain of."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._free: dict[str, list[Page]] = defaultdict(list)
        self.folder = folder
        self.complaints: list[str] = []

    def take(self, profile: dict[str, Any]) -> Page:
        """A tab that shows nothing. Nobody else has it until it is given back."""
        free = self._free[repr(profile)]
        return free.pop() if free else self._new(profile)

    def give_back(self, page: Page, profile: dict[str, Any]) -> None:
        """For the next one. The mouse goes where it points at nothing."""
        page.goto("about:blank")
        page.mouse.move(0, 0)
        self._free[repr(profile)].append(page)

    def _new(self, profile: dict[str, Any]) -> Page:
        page = self._browser.new_context(**{"viewport": WIDE, "offline": True, **profile}).new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        return page

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(OWN):
            self.complaints.append(f"asked for {request.url}")


class Opener:
    """Opens pages for one test."""

    def __init__(self, tabs: Tabs, folder: Path) -> None:
        self._tabs = tabs
        self._folder = folder
        self._taken: list[tuple[Page, dict[str, Any]]] = []

    def __call__(self, made: bytes, fragment: str = "", ready: str = "true", **profile: Any) -> Page:
        """A page that is ready: `true` when it answers, `whole` when its sound is there too."""
        page = self._tabs.take(profile)
        self._taken.append((page, profile))
        _load(page, made, self._folder / f"call{len(self._taken)}.html", fragment, ready)
        return page

    def again(self, made: bytes, fragment: str = "#t=0.000", ready: str = "true") -> Page:
        """The same, for tests that read, step, search and zoom."""
        return self(made, fragment, ready)

    def close(self) -> None:
        """Give all tabs back."""
        for page, profile in self._taken:
            self._tabs.give_back(page, profile)


def _load(page: Page, made: bytes, file: Path, fragment: str, ready: str) -> None:
    file.write_bytes(made)
    page.goto(file.as_uri() + fragment)
    page.wait_for_selector("html[data-ready]" if ready == "true" else "html[data-ready=whole]", state="attached")


@pytest.fixture(scope="module")
def tabs(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Tabs:
    """All tabs of the module."""
    return Tabs(browser, tmp_path_factory.mktemp("kept"))


@pytest.fixture
def opened(tabs: Tabs, tmp_path: Path) -> Iterator[Opener]:
    """Opens pages. At the end none of them may have complained."""
    opener = Opener(tabs, tmp_path)
    yield opener
    opener.close()
    complaints, tabs.complaints = tabs.complaints, []
    assert complaints == []
