"""Inputs, outputs and decks by name.

`flyte://v1/<project>/<domain>/<execution>/<node>[/<attempt>]/<i|o|d>[/<name>]`
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flyteidl.admin import common_pb2

from sandbox.admin import errors
from sandbox.idl.identifiers import ExecutionId, UniqueNodeId

INPUTS = "i"
OUTPUTS = "o"
DECK = "d"

_WORD = r"[a-zA-Z0-9_-]+"
_URL = re.compile(rf"flyte://v1/({_WORD})/({_WORD})/({_WORD})/({_WORD})(?:/(\d+))?/([iod])(?:/({_WORD}))?")


@dataclass(frozen=True, slots=True)
class FlyteUrl:
    """What a flyte:// URL names."""

    execution: ExecutionId
    node: UniqueNodeId
    attempt: int | None
    """None: the node's own data."""
    kind: str
    """INPUTS, OUTPUTS or DECK."""
    name: str
    """Of one variable; empty means all."""


def parse(text: str) -> FlyteUrl:
    """Raises `InvalidRequest`."""
    if not text:
        raise errors.missing("flyte_url")
    match = _URL.fullmatch(text)
    if match is None or (match[6] == DECK and match[7]):
        raise errors.InvalidRequest(
            f"failed to parse [{text}]: expected flyte://v1/project/domain/execution/node/i or …/o or …/d, "
            "with the attempt after the node and the name of a variable at the end, if you want just these"
        )
    project, domain, execution, node, attempt, kind, name = match.groups()
    return FlyteUrl(
        ExecutionId(project, domain, execution),
        UniqueNodeId(node),
        None if attempt is None else int(attempt),
        kind,
        name or "",
    )


def of_node(execution: ExecutionId, node: UniqueNodeId, *, deck: bool) -> common_pb2.FlyteURLs:
    """The URLs of a node's data."""
    return _urls(f"{_base(execution)}/{node}", deck=deck)


def of_attempt(execution: ExecutionId, node: UniqueNodeId, attempt: int) -> common_pb2.FlyteURLs:
    """The URLs of an attempt's data; decks belong to nodes."""
    return _urls(f"{_base(execution)}/{node}/{attempt}", deck=False)


def _base(execution: ExecutionId) -> str:
    return f"flyte://v1/{execution.project}/{execution.domain}/{execution.name}"


def _urls(base: str, *, deck: bool) -> common_pb2.FlyteURLs:
    return common_pb2.FlyteURLs(
        inputs=f"{base}/{INPUTS}", outputs=f"{base}/{OUTPUTS}", deck=f"{base}/{DECK}" if deck else ""
    )
