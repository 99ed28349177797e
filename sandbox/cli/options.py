"""Flags that several commands have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

DEFAULT_NAME = "sandbox"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

name = click.option(
    "--name",
    default=DEFAULT_NAME,
    show_default=True,
    metavar="NAME",
    help="Which sandbox, if you have several.",
)

verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, help="Show tracebacks.")


def output(*formats: str) -> Decorator:
    """`-o`; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


def print_json(value: object) -> None:
    """An answer for machines."""
    click.echo(json.dumps(value, indent=2, default=str))
