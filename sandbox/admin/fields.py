"""What every request must carry, checked once and turned into our own types.

The rules are Flyte's (`flyteadmin/pkg/manager/impl/validation/validation.go`); a field that is missing or
wrong raises `InvalidRequest` naming it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flyteidl.admin import common_pb2
from flyteidl.core import execution_pb2, identifier_pb2, literals_pb2

from sandbox.admin import errors
from sandbox.idl import names
from sandbox.idl.identifiers import EntityId, ExecutionId, UniqueNodeId
from sandbox.store.registered import EntityName

MAX_LABELS = 16
"""Labels of one launch plan, execution or project."""
LAUNCHABLE = (identifier_pb2.LAUNCH_PLAN, identifier_pb2.TASK)
"""What an execution may be created from."""

TERMINAL_PHASES = frozenset(
    (
        execution_pb2.WorkflowExecution.SUCCEEDED,
        execution_pb2.WorkflowExecution.FAILED,
        execution_pb2.WorkflowExecution.ABORTED,
        execution_pb2.WorkflowExecution.TIMED_OUT,
    )
)

_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def text(value: str, name: str) -> str:
    """A text that may not be empty."""
    if not value:
        raise errors.missing(name)
    return value


def versioned(proto: identifier_pb2.Identifier) -> EntityId:
    """A complete identifier of whatever kind."""
    text(proto.project, "project")
    text(proto.domain, "domain")
    text(proto.name, "name")
    text(proto.version, "version")
    return EntityId.from_proto(proto)


def entity(proto: identifier_pb2.Identifier, resource_type: int) -> EntityId:
    """A complete identifier of this kind (`core.ResourceType`)."""
    if proto.resource_type != resource_type:
        got = _kind(proto.resource_type)
        raise errors.InvalidRequest(
            f"unexpected resource type {got} of {proto.project}:{proto.domain}:{proto.name}:{proto.version}, "
            f"expected {_kind(resource_type)}"
        )
    return versioned(proto)


def launchable(proto: identifier_pb2.Identifier) -> EntityId:
    """What an execution names to be run: a launch plan or a lone task."""
    found = versioned(proto)
    if found.resource_type not in LAUNCHABLE:
        raise errors.InvalidRequest(
            f"Invalid resource type {_kind(found.resource_type)} to execute: name a launch plan or a task. "
            "A workflow is run through a launch plan of the same name."
        )
    return found


def resource_type(value: int) -> int:
    """A known `core.ResourceType`."""
    if value == identifier_pb2.UNSPECIFIED or value not in identifier_pb2.ResourceType.values():
        raise errors.InvalidRequest("invalid value for resource_type: use TASK, WORKFLOW or LAUNCH_PLAN")
    return value


def named(proto: common_pb2.NamedEntityIdentifier) -> EntityName:
    """All versions of one name."""
    return EntityName(text(proto.project, "project"), text(proto.domain, "domain"), text(proto.name, "name"))


def execution(proto: identifier_pb2.WorkflowExecutionIdentifier) -> ExecutionId:
    """A complete execution identifier."""
    text(proto.project, "project")
    text(proto.domain, "domain")
    text(proto.name, "name")
    return ExecutionId.from_proto(proto)


def node(proto: identifier_pb2.NodeExecutionIdentifier) -> tuple[ExecutionId, UniqueNodeId]:
    """A complete node execution identifier."""
    return execution(proto.execution_id), UniqueNodeId(text(proto.node_id, "node_id"))


def execution_name(value: str) -> str:
    """A name that a new execution may have."""
    try:
        names.validate_execution_name(value)
    except names.InvalidName as exc:
        raise errors.InvalidRequest(str(exc)) from exc
    return value


def project_id(value: str) -> str:
    """An identifier that a new project may have: it becomes part of a Kubernetes namespace."""
    if not _DNS_LABEL.fullmatch(text(value, "project_id")):
        raise errors.InvalidRequest(
            f"invalid project id [{value}]: use at most 63 lower-case letters, digits and dashes, "
            "with a letter or digit first and last"
        )
    return value


def at_most(value: str, name: str, limit: int) -> str:
    """A text of limited length."""
    if len(value) > limit:
        raise errors.InvalidRequest(f"{name} cannot exceed {limit} characters")
    return value


def labels(values: Mapping[str, str]) -> None:
    """Kubernetes' rules for labels, since they become labels of pods."""
    if len(values) > MAX_LABELS:
        raise errors.InvalidRequest(f"labels map cannot exceed {MAX_LABELS} entries")
    for key, value in values.items():
        _label_key(key)
        if value and not _LABEL_NAME.fullmatch(value):
            raise errors.InvalidRequest(
                f"invalid label value [{value}] of [{key}]: at most 63 letters, digits, '-', '_' and '.', "
                "with a letter or digit first and last"
            )


def _label_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    prefix_fits = not slash or (len(prefix) <= 253 and _LABEL_PREFIX.fullmatch(prefix))
    if not (prefix_fits and _LABEL_NAME.fullmatch(name)):
        raise errors.InvalidRequest(
            f"invalid label key [{key}]: expected name or prefix/name, where a name has at most 63 letters, "
            "digits, '-', '_' and '.', and a prefix is a domain name"
        )


def literals(values: literals_pb2.LiteralMap, name: str) -> None:
    """A literal map whose entries all have a name and a value, and times that exist."""
    for key, literal in values.literals.items():
        if not key:
            raise errors.InvalidRequest(f"missing key in {name}")
        if literal.WhichOneof("value") is None:
            raise errors.InvalidRequest(f"missing valid literal in {name} {key}")
        _datetime(literal, key)


def _datetime(literal: literals_pb2.Literal, key: str) -> None:
    if literal.scalar.primitive.WhichOneof("value") != "datetime":
        return
    try:
        literal.scalar.primitive.datetime.ToJsonString()
    except ValueError as exc:
        raise errors.InvalidRequest(f"invalid datetime {key}: {exc}") from exc


def notifications(values: list[common_pb2.Notification] | tuple[common_pb2.Notification, ...]) -> None:
    """Notifications that say to whom, and only about the end of an execution."""
    for notification in values:
        kind = notification.WhichOneof("type")
        if kind is None:
            raise errors.InvalidRequest("invalid value for notification type: email, slack or pager_duty")
        recipients = getattr(notification, kind).recipients_email
        if not recipients or not all(recipients):
            raise errors.missing("recipients")
        if not TERMINAL_PHASES.issuperset(notification.phases):
            raise errors.InvalidRequest(
                "invalid value for phase: notifications are sent when an execution SUCCEEDED, FAILED, "
                "ABORTED or TIMED_OUT"
            )


def _kind(value: int) -> str:
    if value in identifier_pb2.ResourceType.values():
        return str(identifier_pb2.ResourceType.Name(value)).lower()
    return str(value)
