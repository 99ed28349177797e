"""Names that are computed: unique node ids, child executions, task attempts, generated execution names.

Kubernetes limits how long a name may be, so Flyte joins the parts of a name by `-` and, when the result is
too long, replaces it by `f` and the base-32 FNV-1a hash of it
(`flyteplugins/go/tasks/pluginmachinery/encoding`). Clients compare and link by these names, so they are the
same here, character by character.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Sequence

from sandbox.idl.identifiers import NodeId, UniqueNodeId

MAX_EXECUTION_NAME_LENGTH = 63
MAX_NODE_ID_LENGTH = 63
MAX_UNIQUE_NODE_ID_LENGTH = 20
MAX_CHILD_EXECUTION_NAME_LENGTH = 20
MAX_TASK_NAME_LENGTH = 50
_MAX_TASK_NAME_LENGTHS = {"ray": 47}
"""Of task types whose operators add more to a name than Kubernetes adds to a pod's."""

_EXECUTION_NAME = re.compile(r"[a-z][a-z\-0-9]*")
_GENERATED_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for random names: no vowels, so no words."""
_GENERATED_LENGTH = 19

_BASE32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz123456")


class InvalidName(ValueError):
    """The name cannot be used; the message says why and what is allowed."""


def fnv32a(data: bytes) -> int:
    """The 32 bit FNV-1a hash."""
    digest = 0x811C9DC5
    for byte in data:
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest


def fnv64a(data: bytes) -> int:
    """The 64 bit FNV-1a hash."""
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return digest


def _encode(digest: bytes) -> str:
    return "f" + base64.b32encode(digest).rstrip(b"=").translate(_BASE32).decode()


def fixed_length(parts: Sequence[str], max_length: int, *, wide: bool = False) -> str:
    """The parts joined by `-`, or their hash when that is longer than `max_length`.

    Leading empty parts leave no dash behind. A hash has 8 characters, a `wide` one (64 bits) has 14.
    """
    joined = ""
    for part in parts:
        joined = f"{joined}-{part}" if joined else part
    if len(joined.encode()) <= max_length:
        return joined
    if wide:
        return _encode(fnv64a(joined.encode()).to_bytes(8, "big"))
    return _encode(fnv32a(joined.encode()).to_bytes(4, "big"))


def unique_node_id(
    parent: UniqueNodeId | None,
    parent_attempt: int,
    node: NodeId,
    max_length: int = MAX_UNIQUE_NODE_ID_LENGTH,
) -> UniqueNodeId:
    """The id of a node within its execution: `n0` at the top level, `n0-0-n1` below attempt 0 of `n0`."""
    parts = [node] if parent is None else [parent, str(parent_attempt), node]
    return UniqueNodeId(fixed_length(parts, max_length))


def child_execution_name(execution_name: str, unique_node: UniqueNodeId, attempt: int) -> str:
    """The name of the execution that a launch-plan node starts; the same for the same attempt, always."""
    parts = [execution_name, unique_node, str(attempt)]
    return fixed_length(parts, MAX_CHILD_EXECUTION_NAME_LENGTH, wide=True)


def unique_task_name(
    execution_name: str, unique_node: UniqueNodeId, attempt: int, *, task_type: str = ""
) -> str:
    """The name of one task attempt: of its pod, its container and its raw output folder."""
    max_length = _MAX_TASK_NAME_LENGTHS.get(task_type, MAX_TASK_NAME_LENGTH)
    return fixed_length([execution_name, unique_node, str(attempt)], max_length)


def unique_task_names(execution_name: str, unique_node: UniqueNodeId, attempt: int) -> tuple[str, ...]:
    """All names that an attempt may have, of whatever type its task is; usually one."""
    types = ("", *_MAX_TASK_NAME_LENGTHS)
    found = (unique_task_name(execution_name, unique_node, attempt, task_type=word) for word in types)
    return tuple(dict.fromkeys(found))


def generated_execution_name(random: random.Random) -> str:
    """A name for an execution that was created without one: `a` and 19 random letters or digits."""
    return "a" + "".join(random.choices(_GENERATED_ALPHABET, k=_GENERATED_LENGTH))


def validate_execution_name(name: str) -> None:
    """Accept what Flyte accepts: lower-case letters, digits and dashes, a letter first, at most 63.

    Raises InvalidName.
    """
    if len(name) > MAX_EXECUTION_NAME_LENGTH:
        raise InvalidName(
            f"invalid name format: {name}: an execution name has at most "
            f"{MAX_EXECUTION_NAME_LENGTH} characters, this one has {len(name)}"
        )
    if not _EXECUTION_NAME.fullmatch(name):
        raise InvalidName(
            f"invalid name format: {name!r}: an execution name begins with a lower-case letter and goes on "
            "with lower-case letters, digits and dashes (^[a-z][a-z\\-0-9]*$)"
        )


def single_task_node_id(task_name: str) -> NodeId:
    """The id of the one node of an execution of a lone task: its name's last 63 characters, sanitised."""
    tail = task_name[-MAX_NODE_ID_LENGTH:]
    return NodeId("".join(c for c in tail if c == "-" or c.isalpha() or c.isnumeric()))


def single_task_workflow_name(task_name: str) -> str:
    """The name of the workflow, and of the launch plan, generated around a lone task."""
    return f".flytegen.{task_name}"


def is_generated(name: str) -> bool:
    """Whether this entity was generated around a lone task and is hidden from lists."""
    return name.startswith(".flytegen.")
