"""`bridge word`: the agent's own voice for what callers hear while the model is away."""

from pathlib import Path

import click
import trio

from engine.commands.options import Refusal
from engine.config import MODEL_URL, ConfigError, call_settings, model_address
from engine.core import CallSettings
from engine.dial import Dialer, DialFailed
from engine.speak import SpeakError, Spoken, speak
from engine.word import wav_of


@click.command()
@click.argument("words")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The WAV file to write.")
@click.option("--openai-api-key", envvar="OPENAI_API_KEY", metavar="KEY", help="Set it in the environment.")
@click.option("--openai-realtime-url", envvar="OPENAI_REALTIME_URL", default=MODEL_URL, metavar="URL")
@click.option("--openai-model", envvar="OPENAI_MODEL", metavar="NAME")
@click.option("--agent", envvar="AGENT", type=click.Path(path_type=Path), metavar="FILE", help="Whose voice it is.")
def word(
    words: str,
    output: Path,
    openai_api_key: str | None,
    openai_realtime_url: str,
    openai_model: str | None,
    agent: Path | None,
) -> None:
    """Have the model say WORDS, in the agent's voice, for callers to hear when the model is away for a second.

    \b
    Example:
      bridge word "Einen Moment, bitte." -o moment.wav
    and in the AGENT file:
      [away]
      words = "Einen Moment, bitte."
      audio = "moment.wav"
    """
    if output.exists():
        raise Refusal(f"{output} is there already: remove it, or write to another file")
    try:
        url, key = model_address(openai_realtime_url, openai_api_key)
        settings = call_settings(agent, openai_model, {})
        spoken = trio.run(_speak, Dialer(url, key), settings.model, settings, words)
        output.write_bytes(wav_of(spoken.audio))
    except (ConfigError, SpeakError) as error:
        raise Refusal(str(error)) from None
    except DialFailed as error:
        raise Refusal(f"the model cannot be reached: {error.reason}") from None
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from None
    click.echo(f'{output}: {len(spoken.audio) / 8000:.1f} s, "{spoken.transcript}". Listen to it before callers do.')


async def _speak(dialer: Dialer, model: str, settings: CallSettings, words: str) -> Spoken:
    return await speak(await dialer(model), settings, words)
