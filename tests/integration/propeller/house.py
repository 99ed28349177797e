"""A database with registered workflows, engines over it, and what came of their executions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flyteidl.admin import execution_pb2, launch_plan_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, literals_pb2, tasks_pb2
from flyteidl.core import workflow_pb2 as core_pb2

from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, ErrorKind, Sink, TaskRequest
from sandbox.executors.echo import EchoExecutor
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId
from sandbox.propeller import histories
from sandbox.propeller.archive import Archive
from sandbox.propeller.engine import Engine
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.settings import EngineSettings
from sandbox.store import executions, launch_plans, listing, node_executions, task_executions, workflows
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore
from tests.unit.propeller import building
from tests.waiting import eventually


@dataclass
class ScriptedExecutor:
    """Runs what the test says, in memory, and notes what was asked of it.

    It keeps its promises as a real one does: a known key is not started again but reported again.
    """

    objects: ObjectStore
    behave: Callable[[TaskRequest], AttemptUpdate | None] | None = None
    """What comes of an attempt; None: it goes on until the test or an abort ends it."""
    started: list[AttemptKey] = field(default_factory=list)
    aborted: list[AttemptKey] = field(default_factory=list)
    forgotten: list[AttemptKey] = field(default_factory=list)
    requests: dict[AttemptKey, TaskRequest] = field(default_factory=dict)
    ends: dict[AttemptKey, AttemptUpdate] = field(default_factory=dict)
    sink: Sink | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, sink: Sink) -> None:
        self.sink = sink

    def start(self, request: TaskRequest) -> None:
        with self.lock:
            known = request.key in self.requests
            self.requests[request.key] = request
        self.report(AttemptUpdate(request.key, AttemptPhase.RUNNING, datetime.now(UTC)))
        if known:
            if request.key in self.ends:
                self.report(self.ends[request.key])
            return
        self.started.append(request.key)
        end = self.behave(request) if self.behave else self.echo(request)
        if end is not None:
            self.end(end)

    def abort(self, key: AttemptKey, reason: str) -> None:
        self.aborted.append(key)
        self.end(AttemptUpdate(key, AttemptPhase.ABORTED, datetime.now(UTC)))

    def forget(self, key: AttemptKey) -> None:
        self.forgotten.append(key)

    def close(self) -> None:
        self.sink = None

    def end(self, update: AttemptUpdate) -> None:
        self.ends.setdefault(update.key, update)
        self.report(self.ends[update.key])

    def report(self, update: AttemptUpdate) -> None:
        if self.sink is not None:
            self.sink(update)

    def echo(self, request: TaskRequest, plus: int = 0) -> AttemptUpdate:
        """Write outputs (x plus something) and end well."""
        value = request.inputs.literals["x"].scalar.primitive.integer + plus
        outputs = literals_pb2.LiteralMap(literals={"x": building.integer(value)})
        self.objects.put(f"{request.output_prefix}/outputs.pb", outputs.SerializeToString())
        return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))


def failed(
    request: TaskRequest, kind: ErrorKind = ErrorKind.USER, *, recoverable: bool = True
) -> AttemptUpdate:
    error = AttemptError("Boom", "it went boom", kind, recoverable)
    return AttemptUpdate(request.key, AttemptPhase.FAILED, datetime.now(UTC), error=error)


class House:
    """Registers, launches and looks."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self.database = database
        self.objects = objects
        self.scripted = ScriptedExecutor(objects)
        self.archive = Archive(EngineSettings(), database, objects)
        self.count = 0
        self.unaudited: set[str] = set()
        """Executions (names) whose rows or objects the test itself damaged."""

    def registry(self) -> ExecutorRegistry:
        return ExecutorRegistry(self.scripted, {"echo": EchoExecutor(self.objects)})

    @contextmanager
    def engine(self, **settings: object) -> Iterator[Engine]:
        running = Engine(
            EngineSettings(**{"heartbeat_seconds": 0.5, **settings}),  # type: ignore[arg-type]
            self.database,
            self.objects,
            self.registry(),
        )
        running.start()
        try:
            yield running
        finally:
            running.stop()

    def register(
        self,
        template: core_pb2.WorkflowTemplate,
        tasks: Sequence[tasks_pb2.TaskTemplate] = (),
        subworkflows: Sequence[core_pb2.WorkflowTemplate] = (),
        plans: Sequence[str] = (),
    ) -> int:
        """A workflow and its default launch plan; the workflow's row id."""
        closure = workflow_pb2.WorkflowClosure(
            compiled_workflow=building.compile(template, tasks, subworkflows, plans)
        )
        entity = EntityId.from_proto(template.id)
        with self.database.transaction() as connection:
            row = workflows.create(
                connection,
                entity,
                digest=b"",
                typed_interface=template.interface.SerializeToString(),
                closure=closure.SerializeToString(),
            )
            plan = building.identifier(identifier_pb2.LAUNCH_PLAN, template.id.name)
            launch_plans.create(
                connection,
                EntityId.from_proto(plan),
                digest=b"",
                spec=launch_plan_pb2.LaunchPlanSpec(workflow_id=template.id).SerializeToString(),
                closure=building.plan_closure().SerializeToString(),
                workflow_id=row.id,
            )
        return row.id

    def launch(self, workflow_id: int, x: int = 1, **spec: object) -> ExecutionId:
        self.count += 1
        execution = ExecutionId("flytesnacks", "development", f"e{self.count}")
        uri = f"s3://my-s3-bucket/metadata/{execution.name}/inputs"
        inputs = literals_pb2.LiteralMap(literals={"x": building.integer(x)})
        self.objects.put(uri, inputs.SerializeToString())
        new = executions.NewExecution(
            execution=execution,
            launch_plan_id=None,
            workflow_id=workflow_id,
            spec=execution_pb2.ExecutionSpec(**spec).SerializeToString(),  # type: ignore[arg-type]
            inputs_uri=uri,
        )
        with self.database.transaction() as connection:
            executions.create(connection, new)
        return execution

    def recover(self, execution: ExecutionId) -> ExecutionId:
        """Go on from where an execution ended, as admin would."""
        self.count += 1
        source = self.execution(execution)
        recovering = ExecutionId(execution.project, execution.domain, f"e{self.count}")
        spec = execution_pb2.ExecutionSpec.FromString(source.spec)
        spec.metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
        new = executions.NewExecution(
            execution=recovering,
            launch_plan_id=None,
            workflow_id=source.workflow_id,
            spec=spec.SerializeToString(),
            inputs_uri=source.inputs_uri,
            mode=execution_pb2.ExecutionMetadata.RECOVERED,
            source_execution_id=source.id,
        )
        with self.database.transaction() as connection:
            executions.create(connection, new)
        return recovering

    def phases(self, execution: ExecutionId) -> dict[str, str]:
        """The phase of each node, without start nodes."""
        return {name: row.phase for name, row in self.nodes(execution).items() if "start" not in name}

    def ran(self, execution: ExecutionId) -> list[str]:
        """The attempts that really were started: `n0/0`."""
        return sorted(
            f"{key.node}/{key.attempt}" for key in self.scripted.started if key.execution == execution
        )

    def execution(self, execution: ExecutionId) -> executions.Execution:
        with self.database.reading() as connection:
            return executions.get(connection, execution)

    def wait(self, execution: ExecutionId, timeout: float = 15) -> executions.Execution:
        """Until it is over."""
        return eventually(lambda: ((row := self.execution(execution)).terminal and row) or None, timeout)

    def output(self, execution: ExecutionId) -> int:
        uri = self.execution(execution).outputs_uri
        outputs = literals_pb2.LiteralMap.FromString(self.objects.get(uri))
        return int(outputs.literals["x"].scalar.primitive.integer)

    def nodes(self, execution: ExecutionId) -> dict[str, node_executions.NodeExecution]:
        with self.database.reading() as connection:
            page = node_executions.list_page(
                connection, execution, listing.Listing(limit=100_000), all_levels=True
            )
        return {row.node: row for row in page.items}

    def attempts(self, execution: ExecutionId, node: str) -> list[task_executions.TaskExecution]:
        with self.database.reading() as connection:
            row = node_executions.get(connection, execution, UniqueNodeId(node))
            return task_executions.attempts(connection, row.id)

    def audit(self) -> None:
        """Replay the history of every execution that is over, and hold what people see against it."""
        ended = [found for found in self.archive.ended() if found.name not in self.unaudited]
        for execution in ended:
            history = histories.from_json(histories.to_json(self.archive.history(execution)))
            findings = histories.verify(history) + self.archive.audit(execution)
            assert not findings, f"{execution}: {findings}"
