"""`replay diff`: two logs, or a log and its replay. Where they part, what the core knew then, and how much differs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import Entry
from replay import cli
from replay.compare.two_logs import Parting, Side, compare, recorded_side, replayed_side, tallies
from replay.runner import OF_ANOTHER
from tests import build
from tests.away_calls import TOLD
from tests.build import CALL_SID, STREAM_SID, in_call
from tests.replay_calls import bakery, call_row, log_of, renumbered, write_sealed, write_story

BAKERY = bakery()
AT = 123
"""The truncate, sent when the sentinel came back."""


def body_changed(entries: Sequence[Entry], seq: int, old: str, new: str) -> list[Entry]:
    return [replace(each, body=each.body.replace(old, new)) if each.seq == seq else each for each in entries]


def without(seq: int) -> list[Entry]:
    return renumbered([entry for entry in BAKERY if entry.seq != seq])


SPOILT = body_changed(BAKERY, AT, ":520", ":400")
LACKING = without(AT)
SENTINEL = f'{{"event":"mark","sequenceNumber":"3","streamSid":"{STREAM_SID}","mark":{{"name":"sentinel-15"}}}}'
ECHO = SENTINEL.replace("sentinel-15", "mark-14")
ALIGN, ALIGNED = BAKERY[AT].body, f"{BAKERY[AT + 1].body[:147]}… (351 more characters)"
CORE_BEFORE = """\
The core before it
  call      live; caller leg open, model leg open, session ready
  playout   nothing was sent since the last clear
  flushing  item_1: clear sent at 0:00.620, echoes since: 3; to be settled by 0:01.620
  item_1    heard 520 of 1000 ms (400 to 540) by now, 1000 were sent; done, cut
"""


def run(*args: object, command: str = "diff") -> Result:
    return CliRunner().invoke(cli.cli, [command, *map(str, args)])


def truncate(audio_end_ms: int) -> str:
    fields = f'"event_id":"truncate-1","item_id":"item_1","content_index":0,"audio_end_ms":{audio_end_ms}'
    return f'{{"type":"conversation.item.truncate",{fields}}}'


class TestALogAndItsReplay:
    def test_where_they_part_is_told_whole(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "spoilt.jsonl", SPOILT)
        done = run(path, "-C", 2)
        assert (done.exit_code, done.stderr) == (1, "")
        assert (
            done.stdout
            == f"""\
recorded  {path}: {CALL_SID}, 213 entries; rules 2, engine 0.1.0
replayed  by this version, under rules 2: 213 entries

First difference
  entry 123, 0:00.620 of the stream
  recorded  command model conversation.item.truncate {truncate(400)}
  replayed  command model conversation.item.truncate {truncate(520)}
    audio_end_ms: recorded 400, replayed 520
  while deciding entry 122: input caller mark {SENTINEL}

{CORE_BEFORE}
Entries around it   audio left out; unlabelled: on both sides
                121   0:00.620  input   caller mark {ECHO}
                122   0:00.620  input   caller mark {SENTINEL}
  recorded >    123   0:00.620  command model  conversation.item.truncate {truncate(400)}
  replayed >    123   0:00.620  command model  conversation.item.truncate {truncate(520)}
                124   0:00.620  command engine align_item {ALIGN}
                125   0:00.620  input   engine item.aligned {ALIGNED}

From there on
                                    same  changed  only recorded  only replayed
  model conversation.item.truncate              1
  all others: 90 entries, the same on both sides

diverged: recorded and replayed part at entry 123
"""
        )

    def test_a_command_that_was_not_recorded_stands_alone(self, tmp_path: Path) -> None:
        """And what follows it is the same on both sides, though all its numbers are others."""
        path = write_story(tmp_path / "lacking.jsonl", LACKING)
        done = run(path, "-C", 1)
        assert done.exit_code == 1
        assert (
            done.stdout
            == f"""\
recorded  {path}: {CALL_SID}, 212 entries; rules 2, engine 0.1.0
replayed  by this version, under rules 2: 213 entries

First difference
  entry 123, 0:00.620 of the stream
  recorded  nothing
  replayed  command model conversation.item.truncate {truncate(520)}
  while deciding entry 122: input caller mark {SENTINEL}

{CORE_BEFORE}
Entries around it   audio left out; unlabelled: on both sides
                122   0:00.620  input   caller mark {SENTINEL}
  replayed >    123   0:00.620  command model  conversation.item.truncate {truncate(520)}
                123   0:00.620  command engine align_item {ALIGN}

From there on
                                    same  changed  only recorded  only replayed
  model conversation.item.truncate                                            1
  all others: 90 entries, the same on both sides

diverged: recorded and replayed part at entry 123
"""
        )

    @pytest.mark.parametrize(("options", "rules"), [((), 2), (("--rules", "1"), 1)])
    def test_the_same(self, options: tuple[str, ...], rules: int, tmp_path: Path) -> None:
        """Under the first rules, too: the model is not lost in this call."""
        path = write_story(tmp_path / "a.jsonl", BAKERY)
        done = run(path, *options)
        assert (done.exit_code, done.stderr) == (0, "")
        assert (
            done.stdout
            == f"""\
recorded  {path}: {CALL_SID}, 213 entries; rules 2, engine 0.1.0
replayed  by this version, under rules {rules}: 213 entries

same: every command is the one that was recorded
"""
        )

    def test_a_model_that_was_lost_ends_the_call_under_the_first_rules(self) -> None:
        done = run(TOLD, "--rules", 1)
        assert (done.exit_code, done.stderr) == (1, "")
        assert "\n  recorded  command engine dial_model " in done.stdout
        assert "\n  replayed  nothing\n" in done.stdout
        assert "\n  model conversation.item.create                              4\n" in done.stdout

    def test_json_has_the_core_before_it_whole(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "spoilt.jsonl", SPOILT)
        made = json.loads(run(path, "--json").stdout)
        state = made.pop("state_before")
        assert (state["call"]["state"], state["call"]["seq"]) == ("LIVE", 121)
        assert state["conversation"]["items"]["item_1"]["heard_samples"] == 3200
        entry = {
            "seq": 123,
            "at_ms": 620,
            "stream_ms": 620,
            "kind": "command",
            "leg": "model",
            "type": "conversation.item.truncate",
            "body": json.loads(truncate(400)),
            "audio_bytes": None,
            "cause": 122,
            "audio_from": None,
            "audio_to": None,
        }
        first = made.pop("first")
        assert first.pop("deciding")["seq"] == 122
        assert first == {
            "recorded": entry,
            "replayed": {**entry, "body": json.loads(truncate(520))},
            "fields": [{"path": "audio_end_ms", "recorded": "400", "replayed": "520"}],
        }
        assert [each["seq"] for each in made.pop("before")] == [117, 118, 119, 120, 121, 122]
        after = [(each["recorded"]["seq"], each["replayed"]["seq"], each["same"]) for each in made.pop("after")]
        assert after == [(124, 124, True), (125, 125, True), (130, 130, True)]
        rest = {each.pop("type"): each for each in made.pop("rest")}
        assert rest["conversation.item.truncate"] == {
            "leg": "model",
            "same": 0,
            "changed": 1,
            "only_recorded": 0,
            "only_replayed": 0,
        }
        side = {"path": str(path), "call_sid": CALL_SID, "entries": 213, "rules": 2, "engine_version": "0.1.0"}
        assert made == {
            "verdict": "diverged",
            "reason": "recorded and replayed part at entry 123",
            "sides": {"recorded": side, "replayed": side},
            "settings": [],
        }

    def test_an_answer_is_replayed_as_the_search_gives_it_now(self) -> None:
        spoilt = body_changed(BAKERY, 125, "Cash", "Cesh")
        side = replayed_side(log_of(spoilt))
        assert side.entries == BAKERY
        assert side.stream_ms == recorded_side(log_of(BAKERY)).stream_ms

    def test_an_answer_that_nobody_can_read_is_replayed_as_it_is(self) -> None:
        torn = [replace(each, body="torn") if each.seq == 125 else each for each in BAKERY]
        told = replayed_side(log_of(torn)).entries[124]
        assert (told.type, told.body) == ("malformed", "torn")


UNJUDGED = {"verdict", "reason", "sides", "settings", "first", "state_before", "before", "after", "rest"}


class TestItCannotTell:
    """Exit code 2: the reason on stderr, the keys of the data with nothing in them, an error for CI."""

    def test_a_hole_in_the_log(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "a.jsonl", [entry for entry in BAKERY if entry.seq != 119])
        why = "entry 119 should follow, but the next one in the log is entry 120"
        done = run(path, "--json", "--junit", tmp_path / "diff.xml")
        assert (done.exit_code, done.stderr) == (2, f"replay: {why}\n")
        made = json.loads(done.stdout)
        assert (made["verdict"], made["reason"], made.keys()) == ("unknown", why, UNJUDGED)
        case = ElementTree.parse(tmp_path / "diff.xml").getroot()[0][0]
        assert (case.get("name"), [(each.tag, each.get("message")) for each in case]) == (str(path), [("error", why)])

    def test_a_log_that_is_not_there(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "a.jsonl", BAKERY)
        done = run(path, tmp_path / "b.db")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"replay: {tmp_path / 'b.db'}: no such log")

    @pytest.mark.parametrize("rules", [0, 3])
    def test_rules_that_are_not_known_here(self, rules: int, tmp_path: Path) -> None:
        done = run(write_story(tmp_path / "a.jsonl", BAKERY), "--rules", rules)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: there are no rules {rules} here: this version decides under rules up to 2\n"

    def test_a_call_of_another_bridge(self, tmp_path: Path) -> None:
        path = write_sealed(tmp_path, BAKERY, call_row(rules=0))
        done = run(path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: {path}: {OF_ANOTHER}\n"

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            (("a", "b", "--rules", "1"), "--rules is for one log: which of the two should be decided again?"),
            (("a", "--times"), "--times is for two logs: a log and its replay have the same times."),
            (("a", "-C", "-1"), "Invalid value for '-C' / '--context': -1 is not in the range x>=0."),
        ],
    )
    def test_options_that_do_not_go_together(self, args: tuple[str, ...], why: str) -> None:
        done = run(*args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.endswith(f"Error: {why}\n")


def part(mine: Sequence[Entry], other: Sequence[Entry]) -> tuple[Side, Side, Parting | None]:
    a, b = Side("A", log_of(mine), list(mine), []), Side("B", log_of(other), list(other), [])
    return a, b, compare(a, b)


def counted(mine: Sequence[Entry], other: Sequence[Entry]) -> tuple[int, int, int]:
    """Entries that changed, that are only in A, and only in B."""
    a, b, parting = part(mine, other)
    assert parting is not None
    found = tallies(a, b, parting)
    return sum(each.changed for each in found), sum(each.only_a for each in found), sum(each.only_b for each in found)


class TestTwoLogs:
    def test_times_and_sids_are_not_compared(self, tmp_path: Path) -> None:
        """Twilio gives each call other ones."""
        sids = (CALL_SID, "CA" + "9" * 32), (STREAM_SID, "MZ" + "9" * 32)
        other = [replace(entry, at_ns=entry.at_ns + 7_000_000) for entry in BAKERY]
        for sid, new in sids:
            other = [replace(entry, body=entry.body.replace(sid, new)) for entry in other]
        row = call_row(sids[0][1], stream_sid=sids[1][1])
        one, two = write_sealed(tmp_path / "one", BAKERY), write_sealed(tmp_path / "two", other, row)
        done = run(one, two)
        assert (done.exit_code, done.stderr) == (0, "")
        assert (
            done.stdout
            == f"""\
A  {one}: {CALL_SID}, 213 entries; rules 2, engine 0.1.0
B  {two}: {sids[0][1]}, 213 entries; rules 2, engine 0.1.0

same: both logs have the same 213 entries
"""
        )
        done = run(one, two, "--times", "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["first"]["fields"] == [{"path": "at_ns", "a": "0", "b": "7000000"}]

    def test_each_entry_that_is_missing_is_the_only_difference(self) -> None:
        """And the other way round each that is too many. (Audio that is gone is gone where it is passed on, too.)"""
        for entry in (entry for entry in BAKERY if entry.audio is None):
            lacking = without(entry.seq)
            assert (counted(BAKERY, lacking), counted(lacking, BAKERY)) == ((0, 1, 0), (0, 0, 1)), entry

    def test_what_lies_between_differences_is_the_same(self) -> None:
        """Frames that were lost at three places, each with what passed it on, and between them others of that type."""
        lost = {132, 133, 168, 169, 200, 201}
        assert {BAKERY[seq - 1].type for seq in lost} == {"media", "input_audio_buffer.append"}
        lacking = renumbered([entry for entry in BAKERY if entry.seq not in lost])
        assert (counted(BAKERY, lacking), counted(lacking, BAKERY)) == ((0, 6, 0), (0, 0, 6))

    def test_what_has_nothing_in_common_is_paired_by_its_type(self) -> None:
        """The second mark finds no other, and the clear behind it does."""
        mine, other = (
            [Entry(seq, 0, "command", "caller", kind, f"{side}{seq}") for seq, kind in enumerate(kinds, 1)]
            for side, kinds in (("mine", ["mark", "mark", "clear"]), ("other", ["mark", "clear"]))
        )
        assert counted(mine, other) == (2, 1, 0)

    @pytest.mark.parametrize(
        "change",
        [
            lambda entry: replace(entry, body=entry.body + " "),
            lambda entry: replace(entry, type="other"),
            lambda entry: replace(entry, kind="fault"),
            lambda entry: replace(entry, leg="engine" if entry.leg != "engine" else "model"),
            lambda entry: replace(entry, audio=b"\x00"),
            lambda entry: replace(entry, audio_from=7),
            lambda entry: replace(entry, audio_to=7),
            lambda entry: replace(entry, cause=1 if entry.cause != 1 else 2),
        ],
        ids=["body", "type", "kind", "leg", "audio", "audio_from", "audio_to", "cause"],
    )
    def test_each_entry_that_is_another_is_found_where_it_stands(self, change: Callable[[Entry], Entry]) -> None:
        for entry in BAKERY[4:]:
            other = [change(each) if each is entry else each for each in BAKERY]
            _, _, parting = part(BAKERY, other)
            assert parting is not None
            assert (parting.place, bool(parting.fields)) == (entry.seq - 1, True), entry
            assert not parting.pairs[0].is_same

    @pytest.mark.parametrize(
        ("mine", "other", "reason"),
        [
            (BAKERY, LACKING, "entry 123 is only in A; all others are the same"),
            (LACKING, BAKERY, "entry 123 is only in B; all others are the same"),
            (BAKERY, SPOILT, "entry 123 is another; all others are the same"),
            (BAKERY, BAKERY[:60], "B ends before entry 61; A goes on for 153 entries"),
            (BAKERY[:-1], BAKERY, "A ends before entry 213; B goes on for 1 entry"),
            (
                body_changed(BAKERY, 4, "gpt", "tpg"),
                LACKING,
                "they part at entry 4; from there on 208 entries are the same, 1 are others, 1 are only in A, "
                "0 only in B",
            ),
        ],
    )
    def test_whether_it_is_one_entry_or_another_call(
        self, mine: list[Entry], other: list[Entry], reason: str, tmp_path: Path
    ) -> None:
        paths = write_story(tmp_path / "a.jsonl", mine), write_story(tmp_path / "b.jsonl", other)
        done = run(*paths)
        assert (done.exit_code, done.stderr) == (1, "")
        assert done.stdout.splitlines()[-1] == f"diverged: {reason}"

    def test_two_calls_that_have_nothing_in_common(self, tmp_path: Path) -> None:
        other = [*BAKERY[:9], *(replace(each, body=f'{{"n":{each.seq}}}') for each in BAKERY[9:])]
        paths = write_story(tmp_path / "a.jsonl", BAKERY), write_story(tmp_path / "b.jsonl", other)
        assert run(*paths).stdout.splitlines()[-1] == (
            "diverged: they part at entry 10; from there on 0 entries are the same, 204 are others, 0 are only in A, "
            "0 only in B: hardly the same call"
        )

    def test_settings_that_differ_are_told_but_are_no_difference(self, tmp_path: Path) -> None:
        one = write_sealed(tmp_path / "one", BAKERY)
        two = write_sealed(tmp_path / "two", BAKERY, call_row(config='{"limits":{"settle_ms":300}}'))
        done = run(one, two)
        assert done.exit_code == 0
        assert done.stdout.splitlines()[2:] == [
            "  settings: limits.settle_ms: A 1000, B 300",
            "",
            "same: both logs have the same 213 entries",
        ]
        assert json.loads(run(one, two, "--json").stdout)["settings"] == [
            {"path": "limits.settle_ms", "a": "1000", "b": "300"}
        ]

    def test_against_a_golden_log_audio_is_compared_by_its_length(self, tmp_path: Path) -> None:
        """It has kept none of the caller's."""
        loud = [replace(each, audio=b"\x80" * len(each.audio)) if each.audio else each for each in BAKERY]
        one, two = write_sealed(tmp_path / "one", loud), write_sealed(tmp_path / "two", BAKERY)
        golden = write_story(tmp_path / "golden.jsonl", BAKERY)
        assert (run(one, golden).exit_code, run(golden, two).exit_code) == (0, 0)
        done = run(one, two, "--json")
        assert (done.exit_code, json.loads(done.stdout)["first"]["fields"][0]["path"]) == (1, "audio")

    def test_the_context_is_as_much_of_either_side(self) -> None:
        """Five entries are only in B, then comes what both have: A's next two are shown as well."""
        from replay.compare.around import around

        extra = [replace(BAKERY[3], seq=-number, body=f'{{"n":{number}}}') for number in range(5)]
        a, b, parting = part(BAKERY, renumbered([*BAKERY[:120], *extra, *BAKERY[120:]]))
        assert parting is not None
        found = around(a, b, parting, 2)
        assert found.before == [118, 119]
        assert [pair[:2] for pair in found.after] == [(None, 120), (None, 121), (None, 122), (120, 125), (121, 126)]

    def test_junit(self, tmp_path: Path) -> None:
        paths = write_story(tmp_path / "a.jsonl", BAKERY), write_story(tmp_path / "b.jsonl", SPOILT)
        shown = run(*paths, "--junit", tmp_path / "diff.xml").stdout
        case = ElementTree.parse(tmp_path / "diff.xml").getroot()[0][0]
        assert case.get("name") == f"{paths[0]} {paths[1]}"
        assert [(each.tag, each.text) for each in case] == [("failure", shown)]


class TestTheCoreBeforeIt:
    """The lines that a decision can rest on. What the entries do not name is left out."""

    def lines(self, change: Callable[[list[Entry]], list[Entry]], tmp_path: Path) -> list[str]:
        paths = write_story(tmp_path / "a.jsonl", BAKERY), write_story(tmp_path / "b.jsonl", change(BAKERY))
        told = run(*paths).stdout
        return told.partition("The core before it\n")[2].partition("\n\n")[0].splitlines()

    def test_before_the_first_entry(self, tmp_path: Path) -> None:
        assert self.lines(lambda entries: body_changed(entries, 1, "caller", "model"), tmp_path) == [
            "  call     awaiting_start; caller leg absent, model leg absent, session none",
            "  playout  nothing was sent yet",
        ]

    def test_in_the_middle_of_an_item(self, tmp_path: Path) -> None:
        at = next(entry.seq for entry in BAKERY if entry.type == "response.done")
        assert self.lines(lambda entries: body_changed(entries, at, "completed", "failed"), tmp_path) == [
            "  call     live; caller leg open, model leg open, session ready",
            "  playout  playing: sent 1000 ms, heard 0 ms for certain, the ear at 0 ms; "
            "marks out: 14, the next at 0 ms",
            "  resp_1   generating",
        ]

    def test_when_all_was_heard_or_told(self, tmp_path: Path) -> None:
        """The answer to the truncate: the item is mended, the response is named and done."""
        at = next(entry.seq for entry in BAKERY if entry.type == "conversation.item.truncated")
        assert self.lines(lambda entries: body_changed(entries, at, "event_13", "resp_1"), tmp_path) == [
            "  call     live; caller leg open, model leg open, session ready",
            "  playout  nothing was sent since the last clear",
            "  resp_1   done",
            "  item_1   heard 520 of 1000 ms (400 to 540), 1000 were sent; done, cut, truncate at 520 ms pending",
        ]

    def test_an_item_that_nobody_heard_and_a_playout_that_is_over(self, tmp_path: Path) -> None:
        call = in_call()
        call.model(*build.reply(400))
        call.run(1000)
        call.model(*build.reply_begun(40, "item_2", "resp_2"))
        call.model(build.speech_started(900))
        call.model(*build.reply_done("item_2", "resp_2", "cancelled"))
        call.run(1400)
        call.model(build.deleted("item_2"))
        entries = renumbered(call.entries)
        other = [*entries[:-1], replace(entries[-1], body=entries[-1].body + " ")]
        paths = write_story(tmp_path / "a.jsonl", entries), write_story(tmp_path / "b.jsonl", other)
        told = run(*paths).stdout
        assert "  item_2   heard 0 of 40 ms (0 to 20), 40 were sent; done, cut, delete pending\n" in told


LETTERS = st.lists(st.sampled_from("abcde"), max_size=12)


@given(LETTERS, LETTERS)
def test_an_alignment_has_each_entry_once_in_order_and_pairs_what_is_alike(mine: list[str], other: list[str]) -> None:
    """The types are a and b, or c, d and e: what is of one type may be paired as another, never as the same."""

    def entries(letters: list[str]) -> list[Entry]:
        return [Entry(seq, 0, "input", "engine", str(each < "c"), each) for seq, each in enumerate(letters, 1)]

    sides = [Side(label, log_of([]), entries(each), []) for label, each in (("A", mine), ("B", other))]
    parting = compare(*sides)
    if parting is None:
        assert mine == other
        return
    place, pairs = parting.place, parting.pairs
    assert mine[:place] == other[:place]
    assert [pair.a for pair in pairs if pair.a is not None] == list(range(place, len(mine)))
    assert [pair.b for pair in pairs if pair.b is not None] == list(range(place, len(other)))
    for pair in pairs:
        if pair.a is not None and pair.b is not None:
            assert (mine[pair.a] == other[pair.b]) is pair.is_same
            assert (mine[pair.a] < "c") is (other[pair.b] < "c")
