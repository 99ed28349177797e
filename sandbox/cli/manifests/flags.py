"""Flags of commands that take values."""

from __future__ import annotations

from pathlib import Path

import click

files = click.option(
    "--values",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A YAML file of settings; may be given several times, later ones win.",
)

settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="One setting, such as flytepropeller.replicas=3; wins over files.",
)

kubeconfig = click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Instead of your own.",
)

context = click.option("--context", required=True, metavar="NAME", help="The cluster's, in the kubeconfig.")
