"""`sandbox doctor`."""

from __future__ import annotations

import sys

import click

from sandbox.appliance import doctor
from sandbox.appliance.findings import Verdict
from sandbox.cli import options
from sandbox.cli.terminal import Terminal

_SIGNS = {
    Verdict.GOOD: ("✓", "ok", "green"),
    Verdict.WARNING: ("!", "!", "yellow"),
    Verdict.BAD: ("✗", "x", "red"),
}


@click.command("doctor")
@options.name
@options.output("text", "json")
@options.verbose
def command(name: str, output: str) -> int:
    """Look whether this machine is fit for a sandbox, and whether the one that is here is well.

    The exit code is 0 when nothing is bad.
    """
    findings = doctor.examine(name)
    if output == "json":
        options.print_json(
            [
                {"title": one.title, "verdict": one.verdict.value, "detail": one.detail, "remedy": one.remedy}
                for one in findings
            ]
        )
    else:
        terminal = Terminal(sys.stdout)
        for one in findings:
            fancy, plain, colour = _SIGNS[one.verdict]
            sign = terminal.style(f"{terminal.symbol(fancy, plain):<2}", colour)
            terminal.paragraph(f"{sign} {one.title:<14}", one.detail, indent=17)
            if one.remedy:
                terminal.paragraph(" " * 17, one.remedy, indent=17)
    return 1 if any(one.verdict is Verdict.BAD for one in findings) else 0
