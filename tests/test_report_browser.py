"""The index page in a browser: sorted, filtered, searched, by hand and by keys; a link opens the viewer at the moment.

See `browser` for what holds of every page: nothing on the console, nothing asked of any other host.
"""

from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from replay.site.index import Unreadable, index_page
from replay.site.row import Row, Spot, row_of
from replay.view.page import Made, make
from tests.browser import NARROW, Opener, browser, opened, tabs, until
from tests.view_calls import ATTACK, demo, hostile

__all__ = ["browser", "opened", "tabs"]

SIDS = {name: f"CA{number}" + "0" * 31 for number, name in enumerate(("demo", "worst", "parted", "dead"))}
NAMES = {f"{sid[:10]}…": name for name, sid in SIDS.items()}


@cache
def made() -> Made:
    return make(demo())


@cache
def rows() -> tuple[Row, ...]:
    """The demo; a call that is the worst in all but its verdict; one that diverged; one that crashed. In the last two
    nobody spoke."""
    sid = SIDS["demo"]
    one = replace(row_of(f"{sid}.html", Path(f"{sid}.db"), made()), call_sid=sid, problems=[0, 0, 0], spot=None)
    nobody = replace(one, said=[], interruptions=0, turns=0)

    def call(name: str, row: Row, **changes: object) -> Row:
        sid = SIDS[name]
        return replace(row, page=f"{sid}.html", name=sid, call_sid=sid, **changes)

    spot = Spot(2_000, "the model refused")
    return (
        one,
        call("worst", one, started_at="2026-11-21", worst=(9_000, 4_000), problems=[1, 2, 3], spot=spot),
        call("parted", nobody, started_at="2026-11-22", verdict="diverged", worst=(100, 0), why="they part"),
        call("dead", nobody, started_at="2026-11-23", ended="crashed", worst=None),
    )


def index(*more: Row) -> bytes:
    return index_page([*rows(), *more], [Unreadable("calls/x.db", "calls/x.db: no log")])


def many() -> list[Row]:
    """As many calls as a busy day has."""
    return [
        replace(rows()[0], page=f"{at}.html", name=f"CB{at:032}", started_at=f"2026-10-{at:04}") for at in range(200)
    ]


def shown(page: Page) -> list[str]:
    """The calls in the table, by their names here, in their order."""
    return [NAMES[name] for name in page.locator("tr.row .name").all_inner_texts()]


def head(page: Page, title: str) -> None:
    """Press the head of a column."""
    page.locator("thead[role] button", has_text=title).click()


def picked(page: Page) -> str:
    """The call whose row has the focus."""
    return NAMES[page.locator("tr.row:focus .name").inner_text()]


class TestTheSummary:
    def test_says_what_all_calls_come_to_and_links_to_the_worst_moment(self, opened: Opener) -> None:
        page = opened(index(), ready="true")
        assert page.locator("h1").inner_text() == "4 calls"
        assert page.locator(".verdicts li").all_inner_texts() == ["3\n✓ same", "1\n✕ diverged", "0\n? unknown"]
        assert page.locator(".unreadable").inner_text().endswith("calls/x.db calls/x.db: no log")
        ((stop_ms, at_ms),) = rows()[0].values["stop"]
        line = page.locator(".spreads tr", has_text="barge-in to silence")
        assert line.locator("td").all_inner_texts() == ["4", *[f"{stop_ms:,}"] * 3]
        assert line.locator("a").get_attribute("href") == f"{SIDS['demo']}.html#t={at_ms / 1000:.3f}"

    def test_a_link_opens_the_viewer_at_the_moment(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / f"{SIDS['demo']}.html").write_bytes(made().html)
        page = opened(index(), ready="true")
        page.locator(".spreads tr", has_text="barge-in to silence").locator("a").click()
        page.wait_for_selector("html[data-ready=whole]")
        at_ms = rows()[0].values["stop"][0][1]
        minutes, seconds = divmod(at_ms, 60_000)
        assert page.locator(".transport output").inner_text().startswith(f"{minutes}:{seconds / 1000:06.3f}")

    def test_of_no_calls(self, opened: Opener) -> None:
        page = opened(index_page([], []), ready="true")
        assert page.locator("h1").inner_text() == "0 calls"
        assert page.locator(".calls > .nothing").is_visible()


class TestTheTable:
    def test_has_the_worst_first_and_sorts_by_every_column(self, opened: Opener) -> None:
        page = opened(index(), ready="true")
        assert shown(page) == ["parted", "worst", "demo", "dead"]
        orders = {}
        for title in page.locator("thead[role] button").all_inner_texts():
            head(page, title)
            down = shown(page)
            head(page, title)
            orders[title] = (down, shown(page))
        assert orders["Started"] == (["dead", "parted", "worst", "demo"], ["demo", "worst", "parted", "dead"])
        assert orders["Call"] == (["dead", "parted", "worst", "demo"], ["demo", "worst", "parted", "dead"])
        assert orders["Worst latency"] == (["worst", "demo", "parted", "dead"], ["parted", "demo", "worst", "dead"])
        assert orders["Problems"][0][0] == orders["Problems"][1][-1] == "worst"
        assert orders["Verdict"][0][0] == orders["Verdict"][1][-1] == "parted"
        assert {title: down[:2] for title, (down, _) in orders.items() if title in ("Turns", "Interruptions")} == {
            "Turns": ["demo", "worst"],
            "Interruptions": ["demo", "worst"],
        }
        assert len(orders) == 9
        head(page, "Verdict")
        assert shown(page) == ["parted", "worst", "demo", "dead"]
        assert page.locator("th[aria-sort$=ending]").count() == 0

    def test_leaves_those_that_a_filter_keeps(self, opened: Opener) -> None:
        page = opened(index(), ready="true")
        chips = page.locator(".chips button")
        assert chips.all_inner_texts() == ["diverged1", "interrupted2", "with problems1", "crashed1"]
        for name, left in (("diverged", ["parted"]), ("interrupted", ["worst", "demo"]), ("crashed", ["dead"])):
            chips.filter(has_text=name).click()
            assert shown(page) == left
            chips.filter(has_text=name).click()
        chips.filter(has_text="interrupted").click()
        chips.filter(has_text="with problems").click()
        assert shown(page) == ["worst"]
        assert page.locator(".told").inner_text() == "1 of 4 calls"
        assert page.evaluate("location.hash") == "#show=interrupted%2Cproblems"

    def test_makes_rows_as_they_come_into_view(self, opened: Opener) -> None:
        page = opened(index(*many()), ready="true")
        assert page.locator("tr.row").count() < 70
        for _ in range(70):
            page.keyboard.press("ArrowDown")
        assert page.locator("tr.row:focus").evaluate("row => row.rowIndex") == 70
        expect(page.locator("tr.row:focus")).to_be_in_viewport()
        tops = page.locator("thead[role] th").evaluate_all("all => all.map((th) => th.getBoundingClientRect().top)")
        assert set(tops) == {46}
        page.locator(".end").scroll_into_view_if_needed()
        until(page, "document.querySelectorAll('tr.row').length > 70")


class TestTheSearch:
    def test_shows_the_sentence_and_links_to_its_moment(self, opened: Opener) -> None:
        page = opened(index(), ready="true")
        page.keyboard.press("/")
        page.keyboard.type("DISCOUNT you")
        assert shown(page) == ["worst", "demo"]
        assert page.locator(".told").inner_text() == "2 of 4 calls, said in 2 turns"
        hit = page.locator(".hit").first
        assert hit.locator(".text").inner_text() == "We also have a store discount you can apply now."
        assert "".join(hit.locator("mark").all_inner_texts()) == "discountyou"
        assert "".join(hit.locator("s").all_inner_texts()) == "you can apply now."
        link = hit.get_attribute("href") or ""
        name, seconds = link.split("#t=")
        assert name == f"{SIDS['worst']}.html"
        start_ms = next(turn[1] for turn in rows()[0].said if "discount" in "".join(run[0] for run in turn[2]))
        assert start_ms is not None
        assert 0 < float(seconds) * 1000 - start_ms < 2_000

    def test_asks_what_was_heard_of_the_assistant(self, opened: Opener) -> None:
        page = opened(index(), "#q=store&heard=yes", ready="true")
        assert page.locator(".hit").count() == 2
        found = {}
        for words in ("store", "apply now", "store discount", "croissants", "bakery"):
            page.fill("input", words)
            for name in ("heard", "unheard"):
                page.get_by_role("button", name=name, exact=True).click()
                found[words, name] = page.locator(".hit").count()
        assert found == {
            ("store", "heard"): 2,
            ("store", "unheard"): 0,
            ("apply now", "heard"): 0,
            ("apply now", "unheard"): 2,
            ("store discount", "heard"): 0,
            ("store discount", "unheard"): 2,
            ("croissants", "heard"): 0,
            ("croissants", "unheard"): 0,
            ("bakery", "heard"): 2,
            ("bakery", "unheard"): 0,
        }
        assert page.evaluate("location.hash") == "#q=bakery&heard=no"

    def test_finds_calls_by_name_and_says_when_there_are_none(self, opened: Opener) -> None:
        page = opened(index(), f"#q={SIDS['dead'].lower()}", ready="true")
        assert shown(page) == ["dead"]
        page.fill("input", "xyzzy")
        assert page.locator(".calls > .nothing").is_visible()
        page.keyboard.press("Escape")
        assert len(shown(page)) == 4

    def test_follows_the_address_whatever_stands_in_it(self, opened: Opener) -> None:
        page = opened(index(), "#q=discount&show=interrupted&sort=-latency", ready="true")
        assert shown(page) == ["demo", "worst"]
        page.evaluate("location.hash = '#heard=__proto__&show=constructor,crashed&sort=toString'")
        until(page, "document.querySelectorAll('tr.row').length === 1")
        assert shown(page) == ["dead"]

    def test_shows_text_as_text(self, opened: Opener) -> None:
        found = make(hostile())
        bad = replace(row_of("bad.html", Path(f"{ATTACK}.db"), found), why=ATTACK, spot=Spot(0, ATTACK))
        page = opened(index_page([bad], [Unreadable(ATTACK, ATTACK)]), "#q=img", ready="true")
        assert ATTACK.replace("\u2028", "")[:40] in page.locator(".hit").first.inner_text()
        assert page.evaluate("window.pwned") is None


class TestKeys:
    def test_walk_the_rows_and_open_a_call(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / f"{SIDS['demo']}.html").write_bytes(made().html)
        page = opened(index(), ready="true")
        for keys, name in (
            ("ArrowDown", "parted"),
            ("ArrowDown", "worst"),
            ("ArrowDown", "demo"),
            ("ArrowUp", "worst"),
        ):
            page.keyboard.press(keys)
            assert picked(page) == name
        page.keyboard.press("/")
        page.keyboard.type("discount")
        page.keyboard.press("Enter")
        assert picked(page) == "worst"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{SIDS['demo']}.html")

    def test_are_told_by_the_help(self, opened: Opener) -> None:
        page = opened(index(), ready="true")
        page.keyboard.press("?")
        assert page.locator("dialog.help").inner_text().startswith("Keys")
        page.keyboard.press("Escape")
        assert not page.locator("dialog.help").is_visible()


class TestTheLook:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_fits_a_narrow_screen(self, opened: Opener, scheme: str) -> None:
        long = replace(rows()[0], page="long.html", name="a_name_without_any_end_" * 9, call_sid=None)
        page = opened(index(long), "#q=discount", ready="true", viewport=NARROW, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator("tr.row").first.is_visible()

    def test_is_dark_where_the_system_is(self, opened: Opener) -> None:
        ground = "getComputedStyle(document.querySelector('#calls')).backgroundColor"
        page = opened(index(), ready="true", color_scheme="dark")
        assert page.evaluate(ground) == "rgb(20, 23, 27)"
        page.get_by_role("button", name="light").click()
        assert page.evaluate(ground) == "rgb(255, 255, 255)"
