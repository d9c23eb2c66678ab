"""`replay view`: one HTML page of a call."""

from pathlib import Path

import click

from replay.commands.common import CALL, CALLS_DIR, open_call, tell, write


@click.command("view")
@CALL
@CALLS_DIR
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to put it. [default: CALL.html here]"
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
def command(call: str, calls_dir: Path, output: Path | None, opens: bool) -> None:
    """Make one HTML page of a call: both voices on one time axis, what was said and heard, ladder, state, sound.

    CALL is what it is for `replay CALL`. The page is one file and needs no other: send it, attach it to a bug. It opens
    from the disk and asks nothing of any other host. It holds what the people said: treat it as the log itself.

    The address follows the cursor: `call.html#t=83.412` opens at that second of the stream. In the page, `?` shows the
    keys.

    \b
    Examples:
      replay view last --open
      replay view CA93f0 -o tuesday.html
      replay view fixtures/golden/two_barge_ins_in_a_row.jsonl -o - > page.html

    Exit code: 0 made, 2 could not be made.
    """
    import webbrowser

    from replay.view.page import make_page

    with open_call(calls_dir, call) as log:
        page = make_page(log)
        made = output or Path(f"{log.path.stem}.html")
    write(made, page)
    if str(made) == "-":
        return
    tell(f"{made}: {len(page) / 1e6:.1f} MB")
    if opens and not webbrowser.open(made.absolute().as_uri()):
        tell("no browser is known here: open the file in one")
