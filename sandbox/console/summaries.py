"""An execution as the head of its page and as a row of a list show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2

from sandbox.console import phases, times, urls
from sandbox.console.phases import Phase
from sandbox.idl.identifiers import EntityId, ExecutionId

ORDINARY_PARALLELISM = 25
"""Flyte's default."""

_MODES = {
    execution_pb2.ExecutionMetadata.MANUAL: "",
    execution_pb2.ExecutionMetadata.SCHEDULED: "Scheduled",
    execution_pb2.ExecutionMetadata.SYSTEM: "Started by the system",
    execution_pb2.ExecutionMetadata.RELAUNCH: "Relaunch",
    execution_pb2.ExecutionMetadata.CHILD_WORKFLOW: "Started by a node",
    execution_pb2.ExecutionMetadata.RECOVERED: "Recovery",
    execution_pb2.ExecutionMetadata.TRIGGER: "Triggered",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as people read it."""

    kind: str
    """USER or SYSTEM; empty when unknown."""
    code: str
    message: str

    @property
    def whose(self) -> str:
        """The kind in words."""
        return {"USER": "in the task's code", "SYSTEM": "in the system"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Abortion:
    """Who ended an execution and why."""

    cause: str
    principal: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said about one execution."""

    id: ExecutionId
    phase: Phase
    workflow: EntityId
    launch_plan: EntityId
    created: datetime | None
    started: datetime | None
    duration: timedelta | None
    """None while it runs."""
    failure: Failure | None
    abortion: Abortion | None
    mode: str
    principal: str
    parent: tuple[ExecutionId, str] | None
    """The execution and node that started this one."""
    reference: ExecutionId | None
    """What it is a relaunch or recovery of."""
    labels: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]

    @property
    def href(self) -> str:
        return urls.execution(self.id)

    @property
    def is_live(self) -> bool:
        return not self.phase.is_terminal

    @property
    def is_recoverable(self) -> bool:
        """Whether there may be something left to do."""
        return self.phase.is_terminal and self.phase.name != "SUCCEEDED"

    @property
    def entity(self) -> EntityId:
        """What a person launched: a lone task, or the workflow."""
        is_task = self.launch_plan.resource_type == identifier_pb2.TASK
        return self.launch_plan if is_task else self.workflow

    @property
    def since(self) -> datetime | None:
        """From when a running execution's time counts."""
        return self.started or self.created


def from_proto(execution: execution_pb2.Execution) -> Summary:
    """The summary of admin's message."""
    spec, closure = execution.spec, execution.closure
    phase = phases.of_execution(closure.phase)
    metadata = spec.metadata
    return Summary(
        id=ExecutionId.from_proto(execution.id),
        phase=phase,
        workflow=EntityId.from_proto(closure.workflow_id),
        launch_plan=EntityId.from_proto(spec.launch_plan),
        created=times.moment_of(closure, "created_at"),
        started=times.moment_of(closure, "started_at"),
        duration=times.length_of(closure, "duration") if phase.is_terminal else None,
        failure=failure_of(closure.error) if closure.WhichOneof("output_result") == "error" else None,
        abortion=_abortion(closure),
        mode=_MODES.get(metadata.mode, ""),
        principal=metadata.principal,
        parent=_parent(metadata),
        reference=_reference(metadata),
        labels=tuple(sorted(spec.labels.values.items())),
        tags=tuple(spec.tags),
        settings=_settings(spec),
    )


def failure_of(error: core_execution_pb2.ExecutionError) -> Failure:
    """The error in words; an unknown kind stays unsaid."""
    kind = core_execution_pb2.ExecutionError.ErrorKind.Name(error.kind)
    return Failure("" if kind == "UNKNOWN" else kind, error.code, error.message)


def _abortion(closure: execution_pb2.ExecutionClosure) -> Abortion | None:
    match closure.WhichOneof("output_result"):
        case "abort_metadata":
            return Abortion(closure.abort_metadata.cause, closure.abort_metadata.principal)
        case "abort_cause":
            return Abortion(closure.abort_cause, "")
        case _:
            return None


def _parent(metadata: execution_pb2.ExecutionMetadata) -> tuple[ExecutionId, str] | None:
    node = metadata.parent_node_execution
    return (ExecutionId.from_proto(node.execution_id), node.node_id) if node.node_id else None


def _reference(metadata: execution_pb2.ExecutionMetadata) -> ExecutionId | None:
    reference = metadata.reference_execution
    return ExecutionId.from_proto(reference) if reference.name else None


def _settings(spec: execution_pb2.ExecutionSpec) -> tuple[tuple[str, str], ...]:
    """What was chosen at launch and differs from the ordinary."""
    chosen: list[tuple[str, str]] = []
    if spec.overwrite_cache:
        chosen.append(("Cache", "overwritten"))
    if spec.HasField("interruptible"):
        chosen.append(("Interruptible", "yes" if spec.interruptible.value else "no"))
    if spec.max_parallelism not in (0, ORDINARY_PARALLELISM):
        chosen.append(("Parallel nodes", f"at most {spec.max_parallelism}"))
    if spec.raw_output_data_config.output_location_prefix:
        chosen.append(("Raw output", spec.raw_output_data_config.output_location_prefix))
    return tuple(chosen)
