"""Pages in a real browser: opened from the disk, with nothing to reach, and no error let through.

The browser is Debian's Chromium, or what PLAYHEAD_BROWSER names; where there is none, tests that need it are skipped
and say so. With PLAYHEAD_BROWSER=required, as in CI, they fail instead.

One browser serves a module; every page has a profile of its own. Whatever a page asks for that is not its own file, and
every message on its console, is a failure at the end of the test.
"""

import os
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


class Opener:
    """Opens pages, and keeps what they complain of."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._pages: list[Page] = []
        self.complaints: list[str] = []

    def __call__(self, made: bytes, fragment: str = "", ready: str = "true", **profile: Any) -> Page:
        """A page that is ready: `true` when it answers, `whole` when its sound is there too."""
        file = self._folder / f"call{len(self._pages)}.html"
        file.write_bytes(made)
        context = self._browser.new_context(**{"viewport": WIDE, "offline": True, **profile})
        page = context.new_page()
        self._pages.append(page)
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]" if ready == "true" else "html[data-ready=whole]", state="attached")
        return page

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(OWN):
            self.complaints.append(f"asked for {request.url}")

    def close(self) -> None:
        """Close all pages."""
        for page in self._pages:
            page.context.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens pages. At the end none of them may have complained."""
    opener = Opener(browser, tmp_path)
    yield opener
    opener.close()
    assert opener.complaints == []
