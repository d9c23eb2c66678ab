"""`bridge serve`: the server as a process, started with settings and stopped by signals."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import trio

from engine.commands.options import Refusal, SettingsCommand
from engine.commands.settings import config_of, server_settings
from engine.config import Config, ConfigError
from engine.log.errors import LogError, LogFullError
from engine.log.folder import check_calls_dir
from engine.log.recover import recover
from engine.say import say
from engine.server import Server
from engine.twiml import webhook_url


@click.command(cls=SettingsCommand)
@server_settings
def serve(**given: Any) -> None:
    """Take calls until told to stop (SIGTERM or Ctrl-C).

    Every setting is a flag and an environment variable of the same name (PUBLIC_URL for --public-url). LOG_KEY, which
    encrypts the calls' logs (32 bytes from `openssl rand -base64 32`), is a variable alone: everybody on the machine
    can read the flags of a command. Without it nobody can read those logs again.

    `bridge doctor` takes the same settings and says what is wrong with them.
    """
    try:
        trio.run(_serve, config_of(given))
    except (ConfigError, LogError) as error:
        raise Refusal(str(error)) from None


async def _serve(config: Config) -> None:
    try:
        check_calls_dir(config.calls_dir)
    except LogFullError as error:
        say("log.full", why=str(error))  # callers are better served by words than by nobody, until there is room
    say_if_open(config.calls_dir)
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
            if config.log_key is not None:
                # Loaded here: the first call must not do it while others speak.
                from engine.log import cipher

                say("log.encrypted", key=config.log_key.key_id, cipher=cipher.NAME)
            if not config.twilio_secrets:
                say(
                    "server.insecure", why="signatures are not checked: anyone who reaches this port can call the model"
                )
            click.echo(f"listening on http://{host}:{port}; Twilio's webhook is POST {webhook_url(config.public_url)}")
            await server.run()
            nursery.cancel_scope.cancel()


def say_if_open(calls_dir: Path) -> None:
    """A folder that was there before may be open to others. What we write into it is not, but its names can be read."""
    if calls_dir.stat().st_mode & 0o077:
        say("calls_dir.open", dir=calls_dir, why="other users can see which calls there were; chmod go= mends it")


async def _stop_on_signal(server: Server, signals: AsyncIterator[int]) -> None:
    async for number in signals:
        say("server.stopping", signal=signal.Signals(number).name)
        server.stop()
