"""``dlmsd check``: is the configuration right?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from dlmsd.cli.configuration import config_option, read
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.config.quirks import weakening
from dlmsd.errors import ConfigurationError
from dlmsd.withheld import withheld


@click.command(cls=Command, short_help="Check the configuration, and name every error.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(config: Path | None, as_json: bool) -> int:
    """Check the configuration; every error names file, line and key.

    Secrets that only systemd's service is given (LoadCredential=) are named, and not looked at,
    unless root asks while it runs. Exit 0 when it is right, 78 when it is not. Nothing is
    started.

    Example: dlmsd check --config etc/dlmsd.toml
    """
    try:
        found = read(config)
    except ConfigurationError as error:
        problems = [asdict(problem) for problem in error.problems]
        text = json.dumps({"ok": False, "problems": problems}) if as_json else hear(str(error))
        click.echo(text, err=not as_json)
        return error.exit_code
    active = sum(meter.status == "active" for meter in found.meters)
    summary: dict[str, Any] = {
        "ok": True,
        "file": str(found.path),
        "meters": len(found.meters),
        "active": active,
        "sinks": [sink.name for sink in found.sinks],
        "warnings": [
            f"meter {meter.name}: quirk {quirk.name}: {quirk.weakens}"
            for meter in found.meters
            for quirk in weakening(meter)
        ],
        "push": [one.name for one in found.push],
        "withheld": list(dict.fromkeys(withheld(found))),
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        sinks = ", ".join(f"{sink.name} ({sink.url})" for sink in found.sinks) or say("none")
        heard = ", ".join(f"{one.name} ({one.address})" for one in found.push)
        right = say(
            "{path} is right. Meters: {active} active of {all}; sinks: {sinks}",
            path=found.path,
            active=active,
            all=len(found.meters),
            sinks=sinks,
        )
        click.echo(right + (f"; push: {heard}" if heard else ""))
        if names := ", ".join(summary["withheld"]):
            click.echo(say("not looked at, what only the service is given: {names}", names=names))
        for warning in summary["warnings"]:
            click.echo(say("warning: {what}", what=hear(warning)))
    return 0
