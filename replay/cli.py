"""The `replay` command.

Data goes to stdout, messages to stderr, the verdict into the exit code: 0 the same, 1 diverged, 2 could not tell. So
no accident may end in a 1: whatever is not a divergence (a wrong option, a missing file, a bug here) ends in 2, and a
reader that closes the pipe early (`| head`) changes nothing. Modules that do the work are imported by the command that
needs them: `--help` should not wait for a core.
"""

import os
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from engine import __version__

if TYPE_CHECKING:
    from engine.core.report import Turn
    from replay.paint import Line
    from replay.runner import Verdict

SAME, DIVERGED, UNKNOWN = 0, 1, 2
INTERRUPTED = 130
EXIT_CODES = {"same": SAME, "diverged": DIVERGED, "unknown": UNKNOWN}

_CALLS_DIR = click.option(
    "--calls-dir",
    type=click.Path(path_type=Path),
    envvar="CALLS_DIR",
    default="calls",
    show_default=True,
    show_envvar=True,
    help="Where the bridge keeps its logs.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print data, for programs.")


def main() -> NoReturn:
    """Run the command and exit."""
    try:
        code = cli.main(prog_name="replay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = UNKNOWN
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except OSError as error:
        click.echo(f"replay: {error.strerror or error}", err=True)
        code = UNKNOWN
    except Exception:
        traceback.print_exc()
        code = UNKNOWN
    sys.exit(code)


class _CallByDefault(click.Group):
    """`replay CALL` is `replay call CALL`: what is not the name of a command is a call."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["call", *args])


@click.group(
    cls=_CallByDefault,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
    subcommand_metavar="CALL | COMMAND [ARGS]...",
    options_metavar="",
)
@click.version_option(__version__, prog_name="replay")
def cli() -> None:
    """Replay calls from their logs: what was heard, and whether the core decides the same again.

    \b
    Examples:
      replay last                       the newest call
      replay CA93f0                     a call, by the beginning of its SID
      replay calls/live/CA93f0….db      any log, also of a running call
      replay last --json | jq .verdict
      replay words last                 every word, and whether it was heard
      replay ls                         all calls
      replay verify calls --jobs 4      every log in a folder

    Exit code: 0 the same, 1 diverged, 2 could not tell.
    """


@cli.command("call")
@click.argument("call")
@_CALLS_DIR
@_JSON
def call_command(call: str, calls_dir: Path, as_json: bool) -> NoReturn:
    """Show one call as the caller heard it, and replay it. This is the default command.

    CALL is a call SID, the beginning of one, a path (.db, or a golden log's .jsonl), or `last`.

    \b
    Examples:
      replay CA93f0
      replay last --json
      replay fixtures/golden/two_barge_ins_in_a_row.jsonl

    Exit code: 0 the same, 1 diverged, 2 could not tell.
    """
    from engine.log.errors import LogError
    from replay import data, text
    from replay.runner import replay
    from replay.sources import find_log, open_log

    try:
        path = find_log(calls_dir, call)
        with open_log(path) as log:
            result = replay(log)
            if as_json:
                _emit(data.to_json(data.call_data(log, result)))
            else:
                _emit_lines(text.call_lines(log, result))
    except LogError as error:
        if as_json:
            _emit(data.to_json(data.unreadable_data(str(error))))
        _fail(str(error))
    _note({path: result.verdict})
    if result.verdict == "unknown":
        _fail(result.reason)
    sys.exit(EXIT_CODES[result.verdict])


@cli.command("words")
@click.argument("call")
@_CALLS_DIR
@click.option("--item", "item_id", metavar="ID", help="Of this item only.")
@click.option("--json", "forms", flag_value="json", multiple=True, help="Print data, for programs.")
@click.option("--srt", "forms", flag_value="srt", multiple=True, help="Print subtitles as SRT.")
@click.option("--vtt", "forms", flag_value="vtt", multiple=True, help="Print subtitles as WebVTT.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def words_command(
    call: str, calls_dir: Path, item_id: str | None, forms: tuple[str, ...], output: Path | None
) -> NoReturn:
    """Show which words were spoken when, and which of them the caller heard.

    CALL is what it is for `replay CALL`. A word has its place in the item's audio, and the time on the clock of the
    call's stream at which the caller heard it. The caller's own words have no times: of them there is a transcript.

    Subtitles show the call as it was heard, both speakers: nothing of what was cut, and a dash where it broke off.
    They fit a recording that starts with the stream. The caller's words are spread over the turn.

    \b
    Examples:
      replay words last
      replay words CA93f0 --item item_DsX2PzQ8LmVw
      replay words last --json | jq '.turns[].words[] | select(.heard == "partly")'
      replay words last --vtt -o call.vtt; mpv --sub-file=call.vtt recording.wav

    Exit code: 0 the same, 1 diverged, 2 could not tell, or no such item.
    """
    from engine.log.errors import LogError
    from replay import data, words
    from replay.runner import replay
    from replay.sources import find_log, open_log

    if len(forms) > 1:
        raise click.UsageError("--json, --srt and --vtt: one of them at a time.")
    form = forms[0] if forms else None
    try:
        path = find_log(calls_dir, call)
        with open_log(path) as log:
            result = replay(log)
        turns = words.turns_of(result, item_id)
    except LogError as error:
        if form == "json":
            _write(output, data.to_json(words.unreadable_words(str(error))))
        _fail(str(error))
    if form == "json":
        _write(output, data.to_json(words.words_data(log, result, turns)))
    elif form is not None:
        _write(output, _subtitles(form, turns))
    else:
        _emit_lines(words.words_lines(turns), output)
    _note({path: result.verdict})
    if result.verdict != "same":
        _tell(result.reason)
    sys.exit(EXIT_CODES[result.verdict])


@cli.command("ls")
@_CALLS_DIR
@_JSON
def ls_command(calls_dir: Path, as_json: bool) -> None:
    """List all calls, newest first.

    \b
    Examples:
      replay ls
      replay ls --json | jq -r '.[] | select(.verdict != "same") | .call_sid'
    """
    from engine.log.errors import LogError
    from replay.data import to_json
    from replay.listing import list_calls, list_lines

    try:
        listed = list_calls(calls_dir)
    except LogError as error:
        _fail(str(error))
    if as_json:
        _emit(to_json(listed))
    elif listed:
        _emit_lines(list_lines(listed))
    else:
        _tell(f"there are no calls in {calls_dir}")


@cli.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="PATH|DIR...", type=click.Path(path_type=Path))
@click.option("--fail-fast", is_flag=True, help="Stop at the first log that is not the same.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to use.")
@_JSON
def verify_command(paths: tuple[Path, ...], fail_fast: bool, jobs: int, as_json: bool) -> NoReturn:
    """Replay many logs: files, and every .db and .jsonl below a folder. Prints those that are not the same.

    \b
    Examples:
      replay verify calls --jobs 4
      replay verify fixtures/golden --fail-fast
      replay verify calls/2026-11-20 --json | jq .counts

    Exit code: 0 all the same, 1 at least one diverged, 2 none diverged and at least one could not be judged.
    """
    from engine.log.errors import LogError
    from replay import verify
    from replay.data import to_json
    from replay.sources import logs_under

    try:
        logs = logs_under(paths)
    except LogError as error:
        _fail(str(error))
    if not logs:
        _fail(f"there are no logs in {', '.join(map(str, paths))}")
    judged = []
    for each in verify.with_progress(verify.judge_all(logs, jobs), len(logs), wanted=sys.stderr.isatty()):
        judged.append(each)
        if fail_fast and each.verdict != "same":
            break
    _note({Path(each.path): each.verdict for each in judged})
    if as_json:
        _emit(to_json(verify.summary_data(judged, len(logs))))
    else:
        _emit_lines(verify.summary_lines(judged, len(logs)))
    sys.exit(EXIT_CODES[verify.worst(judged)])


@cli.command("index")
@click.argument("calls_dir", metavar="[DIR]", type=click.Path(path_type=Path), envvar="CALLS_DIR", default="calls")
def index_command(calls_dir: Path) -> None:
    """Rebuild DIR/index.db from the sealed logs. DIR is CALLS_DIR if not given.

    \b
    Examples:
      replay index
      replay index /var/lib/playhead/calls
    """
    from engine.log.errors import LogError
    from replay.listing import rebuild_index

    try:
        rebuilt = rebuild_index(calls_dir)
    except LogError as error:
        _fail(str(error))
    for problem in rebuilt.problems:
        _tell(problem)
    _emit(f"{rebuilt.calls} calls indexed in {calls_dir / 'index.db'}\n".encode())
    sys.exit(UNKNOWN if rebuilt.problems else SAME)


def _note(verdicts: "dict[Path, Verdict]") -> None:
    """For `replay ls`. An index that cannot be written (somebody else's folder) is no reason to fail."""
    from engine.log.errors import LogError
    from engine.log.index import note_verdicts

    with suppress(LogError):
        note_verdicts(verdicts)


def _tell(message: str) -> None:
    click.echo(f"replay: {message}", err=True)


def _fail(message: str) -> NoReturn:
    _tell(message)
    sys.exit(UNKNOWN)


def _subtitles(form: str, turns: "list[Turn]") -> bytes:
    from replay import subtitles
    from replay.cues import cues, has_no_place
    from replay.spoken import doubt

    for turn in filter(has_no_place, turns):
        _tell(f"{turn.item_id} is left out: nothing tells when it was said")
    for turn in turns:
        if turn.speaker == "assistant" and turn.heard_text and (why := doubt(turn, "words")):
            _tell(f"{turn.item_id}: {why}")
    write = subtitles.srt if form == "srt" else subtitles.vtt
    return write(cues(turns)).encode()


def _emit_lines(lines: "Iterable[Line]", output: Path | None = None) -> None:
    from replay import paint

    if output is None and paint.is_terminal(sys.stdout):
        paint.print_in_colour(lines)
    else:
        _write(output, paint.plain(lines).encode())


def _write(output: Path | None, made: bytes) -> None:
    """Write to a file if one is named, else to stdout."""
    if output is None:
        _emit(made)
        return
    try:
        output.write_bytes(made)
    except OSError as error:
        _fail(f"{output}: {error.strerror}")


def _emit(output: bytes) -> None:
    """Write to stdout. A reader that has gone away is no failure, and does not change the exit code."""
    try:
        click.echo(output, nl=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
