"""`replay report`: which pages it makes and keeps, what the index says of the calls, how it ends."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.log.writer import CallLog
from replay import cli
from replay.site import folder, making
from replay.site.index import Unreadable, index_page, summary
from replay.site.making import Site, Task, make_one, make_site, tasks
from replay.site.row import METRICS_SHOWN, Row, row_of
from replay.sources import open_log
from replay.view.page import make, make_page
from tests.build import CALL_SID
from tests.overheard_rig import SETTINGS as OVERHEARD
from tests.overheard_rig import Rig
from tests.replay_calls import bakery, call_row, log_of, write_sealed, write_story
from tests.view_calls import running

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "fixtures" / "golden"
OTHER_SID = "CA" + "9" * 32
PRIVATE = "replay: only you can read the pages: they hold what was said\n"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of two sealed calls."""
    write_sealed(tmp_path / "calls", bakery())
    write_sealed(tmp_path / "calls", bakery(), call_row(OTHER_SID))
    return tmp_path / "calls"


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, ["report", *map(str, args)], env=env)


def made(site: Path, made: int, kept: int, more: str = "") -> str:
    """What is said at the end."""
    return f"replay: {site / 'index.html'}: {made} made, {kept} kept{more}\n{PRIVATE}"


def row(path: Path) -> Row:
    """What the index tells of a log."""
    path.mkdir(exist_ok=True)
    outcome = make_one(path, Task(write_story(path / "a.jsonl", bakery()), "a.html"))
    assert outcome.row is not None
    return outcome.row


def site_of(out: Path, logs: Sequence[Path]) -> Site:
    return make_site(folder.Folder(out), logs, 1, lambda outcomes, count: outcomes)


class TestTheFolder:
    def test_has_a_page_of_each_call_and_an_index(self, calls: Path, tmp_path: Path) -> None:
        site = tmp_path / "out" / "site"
        done = run("-o", site, calls_dir=calls)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", made(site, 2, 0))
        names = [f"{CALL_SID}.html", f"{OTHER_SID}.html", "index.html", "manifest.json"]
        assert sorted(path.name for path in site.iterdir()) == names
        assert {stat.S_IMODE(path.stat().st_mode) for path in site.iterdir()} == {0o600}
        assert stat.S_IMODE(site.stat().st_mode) == 0o700

    def test_its_pages_are_those_of_the_viewer(self, tmp_path: Path) -> None:
        log = write_story(tmp_path / "bakery.jsonl", bakery())
        run(log, "-o", tmp_path / "site")
        with open_log(log) as opened:
            assert (tmp_path / "site" / "bakery.html").read_bytes() == make_page(opened)

    def test_is_told_as_data(self, calls: Path, tmp_path: Path) -> None:
        (calls / "broken.db").write_text("no database")
        site, day = tmp_path / "site", calls / "2026-11-20"
        done = run(calls, "-o", site, "--json")
        assert done.exit_code == 0
        told = json.loads(done.stdout)
        (reason,) = [each.pop("reason") for each in told["unreadable"]]
        assert f"replay: {reason}\n{made(site, 2, 0)}" == done.stderr
        assert told == {
            "index": str(site / "index.html"),
            "pages": [
                {
                    "log": str(day / f"{sid}.db"),
                    "call_sid": sid,
                    "page": str(site / f"{sid}.html"),
                    "is_new": True,
                }
                for sid in (CALL_SID, OTHER_SID)
            ],
            "unreadable": [{"log": str(calls / "broken.db")}],
            "removed": [],
        }

    def test_is_the_same_from_two_processes(self, calls: Path, tmp_path: Path) -> None:
        run(calls, "-o", tmp_path / "one")
        run(calls, "-o", tmp_path / "two", "--jobs", 2)
        one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
        assert one == two

    def test_names_pages_so_that_no_two_are_the_same(self) -> None:
        logs = ["a/CA1.db", "b/ca1.jsonl", "c/CA1.db", "index.jsonl", "why? #1 ü.db", ".hidden.db", "?.db", "..db"]
        pages = [task.page for task in tasks([Path(log) for log in logs])]
        assert pages == [
            *("CA1.html", "ca1-2.html", "CA1-3.html", "index-2.html"),
            *("why-1-.html", "hidden.html", "-.html", "call.html"),
        ]


class TestAgain:
    def test_keeps_the_pages_of_logs_that_nobody_touched(self, calls: Path, tmp_path: Path) -> None:
        site = tmp_path / "site"
        run(calls, "-o", site)
        before = {path.name: path.read_bytes() for path in site.iterdir()}
        (site / f"{CALL_SID}.html").write_text("still here")
        assert run(calls, "-o", site).stderr == made(site, 0, 2)
        assert (site / f"{CALL_SID}.html").read_text() == "still here"
        after = {path.name: path.read_bytes() for path in site.iterdir()}
        assert after == before | {f"{CALL_SID}.html": b"still here"}

    def test_makes_a_page_whose_log_has_grown_or_that_is_gone(self, tmp_path: Path) -> None:
        first, second = (write_story(tmp_path / name, bakery()[:116]) for name in ("first.jsonl", "second.jsonl"))
        site = tmp_path / "site"
        run(first, second, "-o", site)
        write_story(first, bakery())
        os.utime(first, ns=(1, 1))  # restored from a backup: older than the page, and another
        (site / "second.html").unlink()
        assert run(first, second, "-o", site).stderr == made(site, 2, 0)
        assert run(first, second, "-o", site).stderr == made(site, 0, 2)

    def test_follows_a_running_call(self, tmp_path: Path) -> None:
        log, site = CallLog(tmp_path / "calls"), tmp_path / "site"
        log.open(call_row())
        log.append(bakery()[:116])
        assert run(log.path, "-o", site).stderr == made(site, 1, 0)
        assert run(log.path, "-o", site).stderr == made(site, 0, 1)
        log.append(bakery()[116:118])
        assert run(log.path, "-o", site).stderr == made(site, 1, 0)
        log.close()

    def test_makes_all_when_the_program_is_another(
        self, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "site"
        run(calls, "-o", site)
        monkeypatch.setattr(folder, "__version__", "9.9.9")
        assert run(calls, "-o", site).stderr == made(site, 2, 0)

    def test_removes_the_pages_of_calls_that_are_gone_and_nothing_else(self, calls: Path, tmp_path: Path) -> None:
        site = tmp_path / "site"
        run(calls, "-o", site)
        (site / "notes.txt").write_text("mine")
        manifest = json.loads((site / "manifest.json").read_bytes())
        (tmp_path / "victim.html").write_text("mine too")
        manifest["pages"] += ["../victim.html", "index.html", "never.html", "notes.txt"]
        (site / "manifest.json").write_text(json.dumps(manifest))
        done = run(calls / "2026-11-20" / f"{CALL_SID}.db", "-o", site, "--json")
        assert done.stderr == made(site, 0, 1, ", 1 removed")
        assert json.loads(done.stdout)["removed"] == [str(site / f"{OTHER_SID}.html")]
        assert sorted(path.name for path in site.iterdir()) == [
            *(f"{CALL_SID}.html", "index.html", "manifest.json", "notes.txt")
        ]
        assert (tmp_path / "victim.html").exists()

    def test_goes_on_after_an_interruption(self, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        site, make_one = tmp_path / "site", making.make_one

        def interrupted(path: Path, task: Task) -> making.Outcome:
            if task.page.startswith(OTHER_SID):
                raise KeyboardInterrupt
            return make_one(path, task)

        with monkeypatch.context() as patched:
            patched.setattr(making, "make_one", interrupted)
            run(calls, "-o", site)
        assert run(calls, "-o", site).stderr == made(site, 1, 1)


class TestWhatItRefuses:
    def test_a_folder_of_something_else(self, calls: Path, tmp_path: Path) -> None:
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "index.html").write_text("home")
        done = run(calls, "-o", tmp_path / "www")
        other = "has other files in it: name a folder that is new or empty, or one of a report"
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: {tmp_path / 'www'} {other}\n")
        assert (tmp_path / "www" / "index.html").read_text() == "home"

    @pytest.mark.parametrize(
        ("manifest", "why"),
        [
            (b"{}", "Object missing required field `made_by`"),
            (b'{"made_by":"\xff"}', "'utf-8' codec can't decode byte 0xff"),
        ],
    )
    def test_a_manifest_of_something_else(self, calls: Path, tmp_path: Path, manifest: bytes, why: str) -> None:
        (tmp_path / "manifest.json").write_bytes(manifest)
        done = run(calls, "-o", tmp_path)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"replay: {tmp_path / 'manifest.json'} is not that of a report ({why}")

    def test_no_logs(self, tmp_path: Path) -> None:
        done = run("-o", tmp_path / "site", calls_dir=tmp_path)
        assert (done.exit_code, done.stderr) == (2, f"replay: there are no logs in {tmp_path}\n")
        assert not (tmp_path / "site").exists()

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        done = run("nothing.jsonl", "-o", tmp_path / "site", calls_dir=tmp_path)
        assert done.exit_code == 2

    def test_a_place_that_cannot_be_written(self, calls: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = run(calls, "-o", tmp_path / "file" / "site")
        assert (done.exit_code, done.stderr) == (2, f"replay: {tmp_path / 'file' / 'site'}: Not a directory\n")

    def test_logs_of_which_none_can_be_read_are_listed_all_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "broken.jsonl").write_text("nonsense\n")
        done = run(tmp_path / "broken.jsonl", "-o", tmp_path / "site")
        assert done.exit_code == 2
        assert done.stderr.endswith(made(tmp_path / "site", 0, 0))
        assert b"broken.jsonl" in (tmp_path / "site" / "index.html").read_bytes()


class TestTheIndex:
    def test_tells_of_a_call_what_there_is(self, tmp_path: Path) -> None:
        found = row(tmp_path)
        assert replace(found, said=[], values={}) == Row(
            page="a.html",
            name="a",
            call_sid=CALL_SID,
            started_at="2026-11-20T14:03:11.250000+00:00",
            length_ms=1400,
            turns=2,
            interruptions=1,
            worst=None,
            problems=[0, 1, 0],
            spot=found.spot,
            ended="stop",
            verdict="same",
            why="every command is the one that was recorded",
            said=[],
            values={},
        )
        assert [(speaker, start_ms) for speaker, start_ms, _ in found.said] == [("assistant", 100), ("caller", 600)]
        texts = ["".join(text for text, *_ in runs) for _, _, runs in found.said]
        assert texts == ["Cash or credit? We have a discount.", "Cash."]
        assert found.values == {key: [] for key in METRICS_SHOWN} | {
            "stop": [(20, 600)],
            "talk_over": [(20, 600)],
            "doubt": [(140, 620)],
        }

    def test_measures_what_stats_measures(self, tmp_path: Path) -> None:
        logs = sorted(GOLDEN.glob("*.jsonl"))
        rows = [row for _, row, *_ in site_of(tmp_path / "site", logs[:6]).outcomes if row is not None]
        stats = CliRunner().invoke(cli.cli, ["stats", *map(str, logs[:6]), "--json"])
        expected = json.loads(stats.stdout)["metrics"]
        found = {each["key"]: each for each in summary(rows, [])["metrics"]}
        for key in METRICS_SHOWN:
            assert {name: found[key][name] for name in ("n", "p50", "p95", "max")} == expected[key], key
        worst = found["turn_latency"]
        values = {row.page: row.values["turn_latency"] for row in rows}
        assert (worst["max"], worst["at_ms"]) in values[worst["page"]]

    def test_counts_verdicts_and_says_from_when_to_when(self, tmp_path: Path) -> None:
        one = row(tmp_path)
        later = replace(one, started_at="2026-12-01", verdict="diverged")
        told = summary([later, one], [Unreadable("x.db", "why")])
        assert (told["calls"], told["length_ms"]) == (2, 2800)
        assert told["period"] == [one.started_at, "2026-12-01"]
        assert told["verdicts"] == {"same": 1, "diverged": 1, "unknown": 0}
        assert told["unreadable"] == [{"log": "x.db", "reason": "why"}]
        assert summary([], [])["period"] is None

    def test_lets_no_text_of_a_call_out_of_its_place(self, tmp_path: Path) -> None:
        bad = "</script><script>alert(1)</script><!--"
        page = index_page([replace(row(tmp_path), name=bad, why=bad)], [Unreadable(bad, bad)]).decode()
        assert bad not in page
        assert page.count("<script") == page.count("</script>") == 3

    def test_knows_calls_that_crashed_run_or_were_made_by_another_bridge(self, tmp_path: Path) -> None:
        rig = Rig()
        rig.starts()
        rig.run(200)
        logs = {
            "crashed": log_of(bakery()[:116]),
            "live": running(),
            "unknown": log_of(rig.entries, OVERHEARD),
        }
        found = {}
        for name, log in logs.items():
            found[name] = row_of(f"{name}.html", log.path, make(log))
        assert (found["crashed"].ended, found["crashed"].verdict) == ("crashed", "same")
        assert found["live"].ended == "live"
        assert found["unknown"].verdict == "unknown"
