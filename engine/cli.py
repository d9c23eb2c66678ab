"""The `bridge` command. Every setting is an environment variable and a flag of the same name; `--help` lists both."""

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import trio

from engine import __version__
from engine.bridge import WireLimits
from engine.config import MODEL_URL, Config, ConfigError, call_settings, model_address, public_address
from engine.core.settings import CallSettings, Limits
from engine.demo.command import demo
from engine.log.errors import LogError
from engine.log.folder import check_calls_dir
from engine.log.recover import recover
from engine.say import say
from engine.server import Server
from engine.twiml import webhook_url

Command = TypeVar("Command", bound=Callable[..., None])

_LIMITS = {
    "start_ms_max": "From a call's connection to Twilio's start message.",
    "frames_before_start_max": "Frames of a call before its start message.",
    "ready_ms_max": "From start to a model that is ready to talk.",
    "idle_ms_max": "Without any frame from Twilio.",
    "pending_audio_ms_max": "Caller audio that is kept while the model is not ready.",
    "align_ms_max": "From the end of a call to a log without the words of its last item.",
    "settle_ms": "From a clear to a truncate by estimate, if Twilio does not answer.",
}
_WIRE_LIMITS = {
    "caller_frame_bytes_max": "One message from Twilio.",
    "model_frame_bytes_max": "One message from the model.",
    "outbox_bytes_max": "Sent on one leg and not yet taken by its peer.",
}


class _Refusal(click.ClickException):
    """A start that cannot be: one line, exit code 2."""

    exit_code = 2


def _setting(name: str, **options: Any) -> Callable[[Command], Command]:
    """A flag and the environment variable of the same name."""
    return click.option(f"--{name.lower().replace('_', '-')}", name.lower(), envvar=name, show_envvar=True, **options)


def _limits(helps: dict[str, str], defaults: Limits | WireLimits) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for name, words in reversed(helps.items()):
            words = f"{words}  [default: {getattr(defaults, name)}]"
            command = _setting(name.upper(), type=click.IntRange(min=1), metavar="N", help=words)(command)
        return command

    return decorate


@click.group(context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bridge")
def main() -> None:
    """A bridge between phone calls (Twilio Media Streams) and a speech model (OpenAI Realtime)."""


main.add_command(demo)


@main.command()
@_setting("OPENAI_API_KEY", metavar="KEY", help="Needed for OpenAI itself; a simulator needs none.")
@_setting("OPENAI_REALTIME_URL", default=MODEL_URL, show_default=True, metavar="URL", help="Where the model is.")
@_setting("OPENAI_MODEL", metavar="NAME", help=f"Goes before the AGENT file's.  [default: {CallSettings().model}]")
@_setting("TWILIO_AUTH_TOKEN", metavar="TOKEN", help="Your account's: every request must be signed with it.")
@_setting("PUBLIC_URL", metavar="URL", help="Where Twilio reaches this server. Signatures are checked against it.")
@_setting("HOST", default="0.0.0.0", show_default=True, metavar="ADDRESS", help="Where to listen.")
@_setting("PORT", default=8080, show_default=True, type=click.IntRange(0, 65535), metavar="N", help="0: any free one.")
@_setting("CALLS_DIR", default="calls", show_default=True, type=Path, metavar="DIR", help="Where the calls' logs go.")
@_setting("AGENT", type=Path, metavar="FILE", help="TOML: instructions, voice, greeting, vad, limits and the rest.")
@_setting("CALLS_MAX", default=50, show_default=True, type=click.IntRange(min=1), metavar="N", help="Calls at once.")
@_setting(
    "DRAIN_SECONDS",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="S",
    help="How long running calls may go on after SIGTERM. A second SIGTERM hangs them up at once.",
)
@_limits(_LIMITS, Limits())
@_limits(_WIRE_LIMITS, WireLimits())
@click.option("--insecure", is_flag=True, help="Take calls from anyone: signatures are not checked.")
@click.option("--verbose", is_flag=True, help="Tracebacks on stderr.")
def serve(**given: Any) -> None:
    """Take calls until told to stop (SIGTERM or Ctrl-C)."""
    try:
        trio.run(_serve, _config(given))
    except (ConfigError, LogError) as error:
        raise _Refusal(str(error)) from None


def _config(given: dict[str, Any]) -> Config:
    """Raises ConfigError."""
    model_url, api_key = model_address(given["openai_realtime_url"], given["openai_api_key"])
    public_url, auth_token = public_address(
        given["public_url"], given["twilio_auth_token"], given["insecure"], given["port"]
    )
    wire_limits = {name: given[name] for name in _WIRE_LIMITS if given[name] is not None}
    return Config(
        settings=call_settings(given["agent"], given["openai_model"], {name: given[name] for name in _LIMITS}),
        model_url=model_url,
        api_key=api_key,
        auth_token=auth_token,
        public_url=public_url,
        host=given["host"],
        port=given["port"],
        calls_dir=given["calls_dir"],
        calls_max=given["calls_max"],
        drain_seconds=given["drain_seconds"],
        wire_limits=WireLimits(**wire_limits),
        verbose=given["verbose"],
    )


async def _serve(config: Config) -> None:
    check_calls_dir(config.calls_dir)
    recovered = recover(config.calls_dir)
    for one in recovered:
        say("log.recovered" if one.problem is None else "log.not_recovered", log=one.path, why=one.problem)
    server = Server(config)
    try:
        port = await server.listen()
    except OSError as error:
        raise ConfigError(f"cannot listen on HOST {config.host}, PORT {config.port}: {error.strerror}") from error
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, server, signals)
            host = f"[{config.host}]" if ":" in config.host else config.host
            if config.auth_token is None:
                say(
                    "server.insecure", why="signatures are not checked: anyone who reaches this port can call the model"
                )
            click.echo(f"listening on http://{host}:{port}; Twilio's webhook is POST {webhook_url(config.public_url)}")
            await server.run()
            nursery.cancel_scope.cancel()


async def _stop_on_signal(server: Server, signals: AsyncIterator[int]) -> None:
    async for number in signals:
        say("server.stopping", signal=signal.Signals(number).name)
        server.stop()
