"""What every page has at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from sandbox.console.client import Admin
from sandbox.console.logs import LogReader
from sandbox.console.rendering import Renderer
from sandbox.console.settings import ConsoleSettings
from sandbox.console.trees import Trees
from sandbox.idl.identifiers import ExecutionId


@dataclass(frozen=True, slots=True)
class Console:
    """The application's parts."""

    admin: Admin
    logs: LogReader
    settings: ConsoleSettings
    renderer: Renderer
    trees: Trees


def of(request: Request) -> Console:
    """The console that serves this request."""
    return cast(Console, request.app.state.console)


def execution_id(request: Request) -> ExecutionId:
    """The execution in the address."""
    path: Mapping[str, str] = request.path_params
    return ExecutionId(path["project"], path["domain"], path["execution"])
