"""How a page is made: what it packs comes back whole, it is the same every time, it stays small, and the command."""

import re
import zlib
from base64 import b64decode
from itertools import accumulate, count, islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from engine.core import CallSettings
from engine.core.audio import SILENCE, linear
from replay import cli
from replay.data import divergence_data
from replay.flow.marks import Mark
from replay.goldens.golden import read_golden
from replay.metrics.problems import survey
from replay.rows import Log
from replay.runner import Result as Replayed
from replay.runner import replay
from replay.sound.ear import Stretch, Tracks, stretches, tracks
from replay.view import bundle, page, sound
from replay.view.entries import Entries
from replay.view.facts import facts
from replay.view.history import History
from replay.view.lanes import Places, marks
from replay.view.page import make_page
from replay.walk import Walk
from tests import replay_calls, view_calls
from tests.away_calls import WORD
from tests.naive_bridge import run_naive
from tests.naive_bugs import PLANTED
from tests.overheard_rig import Rig
from tests.replay_calls import log_of, write_live, write_sealed
from tests.view_calls import ATTACK, demo, demo_page

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
BAKERY = replay_calls.bakery()


def block(made: bytes, name: str) -> bytes:
    """What stands in a page under that name."""
    found = re.search(rf'<script type="[a-z/]+" id="{name}">([^<]*)</script>'.encode(), made)
    assert found is not None, name
    return found[1]


def unpacked(made: bytes, name: str) -> bytes:
    return zlib.decompress(b64decode(block(made, name)))


class TestSound:
    def test_comes_back_exactly(self) -> None:
        codes = bytes(range(256)) + bytes(range(255, -1, -1)) * 3
        silence = bytes([SILENCE]) * len(codes)
        made = sound.pack(Tracks(codes, silence, silence, 0, ""), 10_000)
        assert made.bits == 8
        assert list(made.tracks) == ["caller"]
        assert self.decoded(made, "caller") == [linear(code) for code in codes]

    def test_loses_bits_only_as_there_is_no_room(self) -> None:
        heard = tracks(demo())
        whole = sound.pack(heard, 1 << 30)
        sizes = [sound.pack(heard, whole.size - 1).size]
        assert sizes[0] < whole.size
        coarse = sound.pack(heard, sizes[0])
        assert coarse.bits == 7
        errors = (abs(one - linear(code)) for one, code in zip(self.decoded(coarse, "ear"), heard.ear, strict=True))
        assert max(errors) <= 512
        assert sound.pack(heard, 0).bits == 5

    def test_silence_stays_silent_however_coarse(self) -> None:
        for bits in sound.BITS:
            heard = Tracks(bytes([SILENCE]) * 8 + b"\x00", b"", b"", 0, "")
            made = sound.pack(heard, {8: 99, 7: 0, 6: 0, 5: 0}[bits])
            assert self.decoded(made, "caller")[:8] == [0] * 8

    def test_peaks_are_the_loudest_of_every_ten_milliseconds(self) -> None:
        quiet, loud = bytes([SILENCE]) * 80, bytes([SILENCE] * 40 + [0x00] + [SILENCE] * 39)
        made = sound.peaks(Tracks(quiet + loud, loud, quiet[:40], 0, ""))
        assert made == {"caller": b"\x00\xff", "ear": b"\xff", "unheard": b"\x00"}

    @staticmethod
    def decoded(made: sound.Sound, name: str) -> list[int]:
        """As the page does it."""
        differences = zlib.decompress(made.tracks[name])
        return [made.values[rank & 255] for rank in accumulate(differences)]


class TestEntries:
    """The other half of the proof is in test_view_content: the page gives back every byte."""

    def test_alike_bodies_are_kept_once_and_numbers_as_what_they_grew(self) -> None:
        bodies = ['{"n":1,"at":"020"}', '{"n":2,"at":"020"}', '{"n":4,"at":"020"}', "12345678901234567890", "x\x00y"]
        entries = [msgspec.structs.replace(BAKERY[0], seq=seq, body=body) for seq, body in enumerate(bodies, 1)]
        made = self.columns(log_of([*entries[:3], *(msgspec.structs.replace(e, seq=e.seq + 5) for e in entries[3:])]))
        assert made["texts"] == [('{"n":', ',"at":"020"}'), ("12345678901234567890",), ("x\x00y",)]
        assert made["text"] == [0, 0, 0, 1, 2]
        assert made["numbers"] == [1, 1, 2]
        assert made["jumps"] == [(3, 9)]
        assert made["sizes"] == [1, 1, 1, 1, 1]
        assert made["kinds"] == [("input", "engine", "leg.opened")]

    @staticmethod
    def columns(log: Log) -> dict[str, Any]:
        entries = Entries()
        for moment in Walk(log):
            entries.note(moment)
        return entries.data()


class TestHistory:
    def test_what_each_step_changed_without_the_clocks(self) -> None:
        walk = Walk(log_of(BAKERY))
        history = History(walk.call)
        for step, moment in enumerate(walk):
            history.note(step, moment)
        made = history.data()
        paths = [".".join(map(str, path)) for path in made["paths"]]
        assert not [path for path in paths if path.startswith(("call.at_ns", "hearing.stream", "session.input"))]
        assert "stream" not in made["first"]["hearing"]
        assert sum(made["counts"]) == len(made["path"]) == len(made["values"])
        assert len(made["steps"]) == len(made["counts"])
        changed = [(paths[path], value) for path, value in zip(made["path"], made["values"], strict=True)]
        assert ("call.state", "LIVE") in changed
        assert ("hearing.playout.marks.mark-2", ()) in changed
        anchors = [value for path, value in changed if path.startswith("conversation.items.item_1.anchors.")]
        assert anchors[0] == ([320, 1120],)

    def test_lists_that_are_replaced_are_told_from_what_is_new(self) -> None:
        walk = Walk(log_of(BAKERY[:4]))
        history = History(walk.call)
        for step, moment in enumerate(walk):
            walk.call.errors = [f"error {step}"]
            history.note(step, moment)
        made = history.data()
        errors = [made["values"][at] for at, path in enumerate(made["path"]) if made["paths"][path][1] == "errors"]
        assert errors == [("error 0",), "error 1", "error 2"]


class TestLanes:
    def test_a_place_in_an_item_is_when_it_was_or_would_have_been_at_the_ear(self) -> None:
        places = Places(
            [
                Stretch("b", 0, 800, 99_000, heard=True),
                Stretch("a", 1600, 2400, 48_000, heard=False),
                Stretch("a", 0, 1600, 8_000, heard=True),
            ]
        )
        assert [places.ms("a", ms) for ms in (0, 100, 200, 250, 400)] == [1000, 1100, 6000, 6050, 6200]
        assert places.ms("nobody", 0) is None
        assert Places([Stretch("a", 800, 900, 0, heard=True)]).ms("a", 10) is None

    def test_marks_with_the_entries_that_sent_them_and_brought_them_back(self) -> None:
        played, lost, alien = Mark("m-1", "played"), Mark("m-2", "sent"), Mark("m-9", "unknown")
        assert marks({4: played, 5: lost, 9: played, 11: alien}) == [
            ["m-1", "played", 4, 9],
            ["m-2", "sent", 5, 0],
            ["m-9", "unknown", 0, 11],
        ]


class TestFacts:
    def test_of_a_call_that_was_interrupted(self) -> None:
        told = self.told(log_of(BAKERY))
        assistant, caller = told["turns"]
        assert [piece[1] for piece in assistant["pieces"]] == ["Cash", "or", "credit?", "We", "have", "a", "discount."]
        assert {piece[2] for piece in assistant["pieces"]} <= {"heard", "partly", "unheard"}
        assert assistant["would_end_ms"] == 1100
        assert assistant["notes"][0].startswith("heard 520 of 1000 ms (400 to 540)")
        assert (caller["pieces"], caller["notes"]) == ([(" ", "Cash.", "heard", 600, 880)], [])
        (cut,) = told["interruptions"]
        item = cut.pop("items")[0]
        assert {key: cut[key] for key in ("at_ms", "onset_ms", "sent_ms", "effective_ms", "by")} == {
            "at_ms": 620,
            "onset_ms": 600,
            "sent_ms": 620,
            "effective_ms": 620,
            "by": "voice",
        }
        assert item == {
            "item_id": "item_1",
            "heard_ms": 520,
            "min_ms": 400,
            "max_ms": 540,
            "action": "truncate",
            "audio_end_ms": 520,
            "outcome": "ok",
            "heard_at_ms": 620,
            "min_at_ms": 500,
            "max_at_ms": 640,
            "told_at_ms": 620,
        }

    def test_of_a_model_that_was_away(self) -> None:
        told = self.told(read_golden(WORD))
        (away,) = told["model_away"]
        assert (away["from_ms"], away["to_ms"], away["dials"], away["restored"]) == (2_460, 4_885, 4, 2)
        assert told["turns"][1]["notes"] == ["said by the bridge, for the model was away"]

    def test_what_the_model_was_told_is_what_was_recorded(self) -> None:
        """Also where this version would tell it something else."""
        spoilt = [msgspec.structs.replace(each, body=each.body.replace(":520", ":400")) for each in BAKERY]
        (item,) = self.told(log_of(spoilt))["interruptions"][0]["items"]
        assert (item["heard_ms"], item["audio_end_ms"], item["outcome"], item["told_at_ms"]) == (520, 400, "ok", 500)

    def test_words_that_have_no_time_or_no_place_in_the_text(self) -> None:
        """Of a caller's transcript without news of speech; of a word that is not in the text any more; of words that
        nobody looked for; of an item that was cut and never was a turn."""
        log = log_of(BAKERY)
        result = replay(log)
        turn, caller = result.report.turns
        edited = msgspec.structs.replace(turn, generated_text="Cash or? We have a discount.")
        silent = msgspec.structs.replace(caller, start_ms=None, end_ms=None)
        (cut,) = result.report.interruptions
        gone = msgspec.structs.replace(cut, items=[msgspec.structs.replace(cut.items[0], item_id="item_9")])
        whole = msgspec.structs.replace(turn, words=[], heard_text=turn.generated_text)
        changed = msgspec.structs.replace(result.report, turns=[edited, silent, whole], interruptions=[gone])
        told = facts(log, msgspec.structs.replace(result, report=changed), *survey(log), Places([]), 1400)
        said, heard, plain = told["turns"]
        assert plain["pieces"] == [("", turn.generated_text, "heard", 100, 620)]
        assert "".join(before + word for before, word, *_ in said["pieces"]) == "Cash or? We have a discount."
        assert heard["pieces"] == [(" ", "Cash.", "heard", None, None)]
        assert told["interruptions"][0]["items"][0]["min_ms"] is None

    def test_of_another_bridge_are_its_mistakes(self) -> None:
        planted = PLANTED[0]
        entries = run_naive(planted.scenario, 1, planted.bridge()).entries
        (found,) = page.mistakes(log_of(entries, CallSettings(rules=0)))
        assert (found.kind, found.severity) == ("no_clear", 3)
        assert found.what.startswith("no clear: 2435 ms of what had been sent were still to be played, and went on; ")
        assert page.mistakes(log_of(entries)) == []
        deaf = Rig()
        deaf.starts(encoding="audio/opus")
        assert page.mistakes(log_of(deaf.entries, CallSettings(rules=0))) == []

    def test_of_a_divergence(self) -> None:
        log = view_calls.spoilt()
        assert self.told(log)["divergence"] == divergence_data(replay(log).divergence)

    @pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
    def test_the_words_of_every_golden_log_are_its_text(self, path: Path) -> None:
        log = read_golden(path)
        result = replay(log)
        turns = {turn.item_id: turn for turn in result.report.turns}
        for told in self.told(log, result)["turns"]:
            turn = turns[told["item_id"]]
            said = "".join(before + word for before, word, *_ in told["pieces"])
            assert " ".join(said.split()) in (
                " ".join((turn.generated_text or turn.heard_text).split()),
                f"{turn.heard_text} {turn.generated_text}".strip(),
            )

    @staticmethod
    def told(log: Log, result: Replayed | None = None) -> dict[str, Any]:
        return facts(log, result or replay(log), *survey(log), Places(stretches(log)), 1400)


class TestBundle:
    def test_other_peoples_text_cannot_leave_its_block(self) -> None:
        made = bundle.json_block("facts", {"text": ATTACK})
        inner = made.removeprefix('<script type="application/json" id="facts">').removesuffix("</script>\n")
        assert "<" not in inner
        assert msgspec.json.decode(inner) == {"text": ATTACK}

    def test_a_module_that_cannot_be_put_in_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        modules = {
            "one.js": 'import { b } from "./two.js";\nexport const a = 1;\n',
            "two.js": 'import { a } from "./one.js";\nexport const b = 1;\n',
            "three.js": "export default 1;\n",
            "four.js": 'import { c } from "./five.js";\nimport { e } from "./six.js";\nexport async function d() {}\n',
            "five.js": 'import { e } from "./six.js";\nexport class c {}\n',
            "six.js": "export const e = 1;\n",
        }
        monkeypatch.setattr(bundle, "asset", modules.__getitem__)
        with pytest.raises(bundle.BundleError, match="in a circle: one -> two -> one"):
            bundle.script.__wrapped__("one")
        with pytest.raises(bundle.BundleError, match=re.escape("three.js: this is not how")):
            bundle.script.__wrapped__("three")
        made = bundle.script.__wrapped__("four")
        assert re.findall(r"^modules\.(\w+) =", made, re.MULTILINE) == ["six", "five", "four"]
        assert "const { c } = modules.five;" in made
        assert "return { d };" in made

    def test_the_library_is_there_with_its_version_and_licence(self) -> None:
        made = demo_page().decode()
        assert "wavesurfer.js 8.0.1" in made
        assert bundle.asset("vendor/wavesurfer.LICENSE") in made
        assert "BSD 3-Clause License" in bundle.asset("vendor/wavesurfer.LICENSE")

    def test_every_asset_is_short_and_says_what_it_is(self) -> None:
        folder = Path(bundle.__file__).parent / "assets"
        for path in sorted([*folder.glob("*.js"), *folder.glob("*.css")]):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert len(lines) <= 300, path.name
            assert max(map(len, lines)) <= 120, path.name
            assert lines[0] == "// @ts-check" or lines[0].startswith("/* "), path.name
            assert path.suffix == ".css" or lines[1].startswith("// "), path.name


class TestPage:
    def test_is_the_same_every_time(self) -> None:
        assert make_page(log_of(BAKERY)) == make_page(log_of(BAKERY))

    def test_of_a_call_that_goes_on_meanwhile_is_of_one_moment(self) -> None:
        """Each pass over the log of a running call finds more in it."""
        passes = count(100)
        log = log_of(BAKERY)
        growing = msgspec.structs.replace(log, rows=lambda: islice(log.rows(), next(passes)))
        assert make_page(growing) == make_page(log_of(BAKERY[:100]))

    def test_asks_for_nothing(self) -> None:
        head = demo_page().split(b"</head>")[0].decode()
        assert re.findall(r'(?:src|href)="([^"]*)"', head) == ["data:,"]
        assert "default-src 'none'" in head

    def test_holds_the_log_and_what_was_made_of_it(self) -> None:
        made = make_page(log_of(BAKERY))
        assert len(msgspec.json.decode(unpacked(made, "entries"))["kind"]) == len(BAKERY)
        assert msgspec.json.decode(block(made, "facts"))["verdict"] == "same"
        assert len(unpacked(made, "peaks-ear")) == 140
        assert msgspec.json.decode(block(made, "sound"))["tracks"] == ["ear", "unheard"]

    def test_both_parties_talking_for_five_minutes_fit_into_three_megabytes(self) -> None:
        """And an entry takes about a byte."""
        made = make_page(view_calls.long())
        assert len(made) < 3_000_000
        told = msgspec.json.decode(block(made, "sound"))
        assert told["tracks"] == ["caller", "ear", "unheard"]
        assert told["bits"] in (6, 7, 8)
        entries = msgspec.json.decode(unpacked(made, "entries"))
        number = len(entries["kind"])
        assert number > 30_000
        del entries["at_ms"], entries["ours"]  # when each came on a line with jitter is chance, and all of it is kept
        assert len(bundle.packed_json(entries)) < 1.25 * number

    def test_a_longer_call_may_be_larger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def pack(heard: Tracks, most: int) -> sound.Sound:
            asked.append(most)
            return sound.Sound(8, [], {})

        monkeypatch.setattr(sound, "pack", pack)
        for seconds in (300, 600):
            silence = bytes([SILENCE]) * 8000 * seconds
            page._sound(Tracks(silence, silence, silence, 0, ""), 1_000_000)
        assert asked == [(2_980_000 - 1_000_000) * 3 // 4, (5_960_000 - 1_000_000) * 3 // 4]


class TestCommand:
    def run(self, *args: object) -> Result:
        return CliRunner().invoke(cli.cli, ["view", *map(str, args)])

    def test_writes_a_page_named_after_the_call(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        log = write_sealed(tmp_path / "calls", BAKERY)
        done = self.run("last")
        made = (tmp_path / f"{log.stem}.html").read_bytes()
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"replay: {log.stem}.html: 0.2 MB\n"
        assert made.startswith(b"<!doctype html>")
        assert self.run(log, "-o", "other.html").exit_code == 0
        assert (tmp_path / "other.html").read_bytes() == made
        assert self.run(log, "-o", "-").stdout_bytes == made

    def test_opens_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        opened: list[str] = []

        def browser(address: str) -> bool:
            opened.append(address)
            return len(opened) == 1

        monkeypatch.setattr("webbrowser.open", browser)
        log = write_sealed(tmp_path / "calls", BAKERY)
        assert self.run(log, "--open").stderr == f"replay: {log.stem}.html: 0.2 MB\n"
        assert opened == [(tmp_path / f"{log.stem}.html").as_uri()]
        assert self.run(log, "--open").stderr.endswith("replay: no browser is known here: open the file in one\n")

    def test_of_a_running_call(self, tmp_path: Path) -> None:
        file = write_live(tmp_path / "calls", BAKERY[:116])
        done = self.run("last", "--calls-dir", tmp_path / "calls", "-o", tmp_path / "a.html")
        file.close()
        assert done.exit_code == 0
        assert msgspec.json.decode(block((tmp_path / "a.html").read_bytes(), "facts"))["ended"] == "live"

    def test_what_cannot_be_read_or_written(self, tmp_path: Path) -> None:
        done = self.run(tmp_path / "none.db")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: {tmp_path / 'none.db'}: no such log\n"
        done = self.run(write_sealed(tmp_path / "calls", BAKERY), "-o", tmp_path / "no" / "a.html")
        assert done.exit_code == 2
        assert done.stderr == f"replay: {tmp_path / 'no' / 'a.html'}: No such file or directory\n"
