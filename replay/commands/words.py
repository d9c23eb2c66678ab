"""`replay words`: every word, when it was spoken, and whether it was heard."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALL, CALLS_DIR, EXIT_CODES, emit_lines, fail, note, tell, write

if TYPE_CHECKING:
    from engine.core.report import Turn


@click.command("words")
@CALL
@CALLS_DIR
@click.option("--item", "item_id", metavar="ID", help="Of this item only.")
@click.option("--json", "forms", flag_value="json", multiple=True, help="Print data, for programs.")
@click.option("--srt", "forms", flag_value="srt", multiple=True, help="Print subtitles as SRT.")
@click.option("--vtt", "forms", flag_value="vtt", multiple=True, help="Print subtitles as WebVTT.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def command(call: str, calls_dir: Path, item_id: str | None, forms: tuple[str, ...], output: Path | None) -> NoReturn:
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
            write(output, data.to_json(words.unreadable_words(str(error))))
        fail(str(error))
    if form == "json":
        write(output, data.to_json(words.words_data(log, result, turns)))
    elif form is not None:
        write(output, _subtitles(form, turns))
    else:
        emit_lines(words.words_lines(turns), output)
    note({path: result.verdict})
    if result.verdict != "same":
        tell(result.reason)
    sys.exit(EXIT_CODES[result.verdict])


def _subtitles(form: str, turns: "list[Turn]") -> bytes:
    from replay import subtitles
    from replay.cues import cues, has_no_place
    from replay.spoken import doubt

    for turn in filter(has_no_place, turns):
        tell(f"{turn.item_id} is left out: nothing tells when it was said")
    for turn in turns:
        if turn.speaker == "assistant" and turn.heard_text and (why := doubt(turn, "words")):
            tell(f"{turn.item_id}: {why}")
    write = subtitles.srt if form == "srt" else subtitles.vtt
    return write(cues(turns)).encode()
