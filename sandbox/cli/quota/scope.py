"""The flags that name a project and its domain."""

from __future__ import annotations

import click

project = click.option("-p", "--project", default="flytesnacks", show_default=True, help="Which project.")
domain = click.option("-d", "--domain", default="development", show_default=True, help="Which domain of it.")
