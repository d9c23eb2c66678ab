"""`bridge doctor`: one line for each thing that was looked at, and what to do about it."""

import sys
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from engine.commands.options import SettingsCommand
from engine.commands.settings import config_of, server_settings
from engine.config import ConfigError
from engine.doctor.findings import Finding, Level, worst
from engine.doctor.folder import check_folder
from engine.doctor.machine import check_machine
from engine.doctor.model import check_model
from engine.doctor.reach import check_server
from engine.doctor.settings import check_settings
from engine.hiding import hide
from engine.log.errors import LogError


@click.command(cls=SettingsCommand)
@server_settings
@click.option("--offline", is_flag=True, help="Ask neither the server nor the model.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def doctor(offline: bool, as_json: bool, **given: Any) -> None:
    """Check a set-up, and say what to fix.

    Takes the settings of `bridge serve` (flags and environment), and looks at them, at this machine and at CALLS_DIR.
    Then it asks the running server where it listens and through PUBLIC_URL, signing as Twilio does, and dials the
    model. No call is made, no key is shown.

    Exit code: 0 all well, or with warnings; 1 something is bad; 2 it could not be asked like this.
    """
    findings = []
    for finding in _findings(given, offline):
        findings.append(finding)
        if not as_json:
            click.echo(finding.line(width=12))
    is_bad = worst(findings) is Level.BAD
    if as_json:
        told = {"ok": not is_bad, "findings": [finding.told() for finding in findings]}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    sys.exit(1 if is_bad else 0)


def _findings(given: dict[str, Any], offline: bool) -> Iterator[Finding]:
    """One after another, so that what takes long is not waited for in silence."""
    yield from check_settings(given)
    yield from check_machine(given["calls_max"])
    yield from check_folder(given["calls_dir"], given["calls_max"])
    if offline:
        return
    try:
        config = config_of(given)
    except (ConfigError, LogError):
        yield Finding(Level.WARN, "server", "not asked, and nor was the model", "Fix the settings first")
        return
    hide(config.secrets)
    yield from check_server(config)
    yield from check_model(config)
