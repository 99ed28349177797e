"""Leases: which engine works on which execution, until when.

An engine claims executions that nobody holds, whose lease ran out, or that carry its own name: it was
restarted. It renews all of its leases in one statement. A lease is a promise not to start anything for
someone else's execution; that no two engines write one execution's history is guarded by the history itself
(`projections.commit`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import errors, executions
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class Wish:
    """Someone wants an execution to end."""

    execution_id: int
    cause: str
    principal: str


@dataclass(frozen=True, slots=True)
class Leased:
    """What an engine must know about an execution that it took."""

    id: int
    execution: ExecutionId
    workflow_id: int
    spec: bytes
    """`admin.ExecutionSpec`."""
    inputs_uri: str
    mode: int
    parent_node_execution_id: int | None
    source_execution_id: int | None
    """Row id of the execution that it relaunches or recovers."""
    wish: Wish | None
    """Set if someone wants it to end already."""


@dataclass(frozen=True, slots=True)
class EndedChild:
    """An execution that a node waits for came to its end."""

    parent_node_execution_id: int
    execution: ExecutionId
    phase: str
    error: bytes | None
    """`core.ExecutionError`."""
    outputs_uri: str
    abort_cause: str


_FACTS = """
id, execution_project, execution_domain, execution_name, workflow_id, spec, inputs_uri, mode,
parent_node_execution_id, source_execution_id, phase, abort_cause, abort_principal
"""

_CLAIM = f"""
UPDATE executions SET lease_owner = %(owner)s, lease_expires_at = now() + %(seconds)s * interval '1 second'
WHERE id IN (
    SELECT id FROM executions
    WHERE NOT terminal
      AND (lease_owner IS NULL OR lease_owner = %(owner)s OR lease_expires_at < now())
      AND id <> ALL(%(held)s::bigint[])
      AND (%(wanted)s::bigint[] IS NULL OR id = ANY(%(wanted)s::bigint[]))
    ORDER BY priority DESC, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING {_FACTS}, priority
"""

_LOOK = f"""
SELECT {_FACTS} FROM executions
WHERE execution_project = %(project)s AND execution_domain = %(domain)s AND execution_name = %(name)s
"""

_OVER = """
SELECT execution_project, execution_domain, execution_name FROM executions WHERE terminal ORDER BY id
"""

_OVER_AMONG = """
SELECT e.execution_project, e.execution_domain, e.execution_name
FROM unnest(%s::text[], %s::text[], %s::text[]) AS v(project, domain, name)
JOIN executions AS e ON e.execution_project = v.project AND e.execution_domain = v.domain
    AND e.execution_name = v.name
WHERE e.terminal
"""

# Locked in the order in which a commit locks them: two that want the same rows never block each other.
_OURS = """
SELECT id FROM executions
WHERE id = ANY(%(held)s::bigint[]) AND lease_owner = %(owner)s AND NOT terminal
ORDER BY id FOR NO KEY UPDATE
"""

_RENEW = f"""
UPDATE executions SET lease_expires_at = now() + %(seconds)s * interval '1 second'
WHERE id IN ({_OURS})
RETURNING id
"""

_RELEASE = f"""
WITH released AS (
    UPDATE executions SET lease_owner = NULL, lease_expires_at = NULL
    WHERE id IN ({_OURS})
    RETURNING id
)
SELECT count(pg_notify(%(channel)s, id::text)) FROM released
"""

_WISHES = """
SELECT id, abort_cause, abort_principal FROM executions
WHERE id = ANY(%(held)s::bigint[]) AND phase = 'ABORTING' AND NOT terminal
"""

_ENDED = """
SELECT e.parent_node_execution_id, e.execution_project, e.execution_domain, e.execution_name, e.phase,
       e.error, e.outputs_uri, e.abort_cause
FROM executions AS e
"""

# By their names: an array over a launch plan has thousands of children, of which a few are waited for.
_ENDED_CHILDREN = f"""{_ENDED}
JOIN unnest(%(nodes)s::bigint[], %(projects)s::text[], %(domains)s::text[], %(names)s::text[])
  AS wanted(node, project, domain, name)
  ON (e.execution_project, e.execution_domain, e.execution_name)
   = (wanted.project, wanted.domain, wanted.name)
WHERE e.terminal AND e.parent_node_execution_id = wanted.node
"""

_ENDED_EXECUTIONS = f"""{_ENDED}
WHERE e.id = ANY(%(executions)s::bigint[]) AND e.terminal AND e.parent_node_execution_id IS NOT NULL
"""


def claim(
    connection: Connection,
    owner: str,
    *,
    seconds: float,
    held: Collection[int],
    limit: int,
    wanted: Collection[int] | None = None,
) -> list[Leased]:
    """Take executions that are to be worked on: of those `wanted`, or (None) any; never those already
    `held`.
    """
    arguments = {
        "owner": owner,
        "seconds": seconds,
        "held": list(held),
        "wanted": None if wanted is None else list(wanted),
        "limit": limit,
    }
    rows = connection.exec_driver_sql(_CLAIM, arguments)
    first = sorted(rows, key=lambda row: (-row[-1], row[0]))
    return [_from_row(row[:-1]) for row in first]


def look_at(connection: Connection, execution: ExecutionId) -> Leased:
    """What an engine would be told about an execution, without taking it: it may be over, or another's.

    `NotFound`.
    """
    arguments = {"project": execution.project, "domain": execution.domain, "name": execution.name}
    for row in connection.exec_driver_sql(_LOOK, arguments):
        return _from_row(row)
    raise errors.NotFound(f"There is no execution {execution}.")


def ended(connection: Connection) -> list[ExecutionId]:
    """All executions that no engine needs to work on any more, oldest first."""
    return [ExecutionId(*row) for row in connection.exec_driver_sql(_OVER)]


def ended_among(connection: Connection, executions: Collection[ExecutionId]) -> set[ExecutionId]:
    """Those of the executions that are over."""
    names = sorted(executions)
    columns = [[getattr(one, part) for one in names] for part in ("project", "domain", "name")]
    return {ExecutionId(*row) for row in connection.exec_driver_sql(_OVER_AMONG, tuple(columns))}


def renew(connection: Connection, owner: str, held: Collection[int], *, seconds: float) -> set[int]:
    """Prolong leases; returns the executions that are (still) this owner's."""
    arguments = {"owner": owner, "seconds": seconds, "held": list(held)}
    return {row[0] for row in connection.exec_driver_sql(_RENEW, arguments)}


def release(connection: Connection, owner: str, held: Collection[int]) -> None:
    """Give executions back, and announce them: another engine takes them at once."""
    arguments = {"owner": owner, "held": list(held), "channel": executions.CHANNEL}
    connection.exec_driver_sql(_RELEASE, arguments)


def wishes(connection: Connection, held: Collection[int]) -> list[Wish]:
    """Those of the executions that someone wants to end."""
    return [Wish(*row) for row in connection.exec_driver_sql(_WISHES, {"held": list(held)})]


def ended_children(connection: Connection, wanted: Collection[tuple[int, ExecutionId]]) -> list[EndedChild]:
    """Those of the children (the launching node's row id, the child's name) that are over."""
    arguments = {
        "nodes": [node for node, _ in wanted],
        "projects": [child.project for _, child in wanted],
        "domains": [child.domain for _, child in wanted],
        "names": [child.name for _, child in wanted],
    }
    return [_ended(row) for row in connection.exec_driver_sql(_ENDED_CHILDREN, arguments)]


def ended_executions(connection: Connection, execution_ids: Collection[int]) -> list[EndedChild]:
    """Those of the executions that are some node's children, and over."""
    rows = connection.exec_driver_sql(_ENDED_EXECUTIONS, {"executions": list(execution_ids)})
    return [_ended(row) for row in rows]


def _ended(row: Any) -> EndedChild:
    node, project, domain, name, phase, error, outputs_uri, cause = row
    failed = None if error is None else bytes(error)
    return EndedChild(node, ExecutionId(project, domain, name), phase, failed, outputs_uri, cause)


def _from_row(row: Any) -> Leased:
    row_id, project, domain, name, workflow_id, spec, inputs_uri, mode, parent, source, *wished = row
    phase, cause, principal = wished
    execution = ExecutionId(project, domain, name)
    wish = Wish(row_id, cause, principal) if phase == "ABORTING" else None
    return Leased(row_id, execution, workflow_id, bytes(spec), inputs_uri, mode, parent, source, wish)
