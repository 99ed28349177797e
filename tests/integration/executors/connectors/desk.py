"""Drives a connector executor as the engine does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyteidl.core import interface_pb2, literals_pb2, tasks_pb2, types_pb2

from sandbox.executors.agent.executor import ConnectorExecutor
from sandbox.executors.agent.settings import ConnectorSettings
from sandbox.executors.api import AttemptUpdate, Sink, TaskRequest
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId
from sandbox.store.objects import DirectoryObjectStore
from tests.integration.executors.bench import Inbox

EXECUTION = ExecutionId("flytesnacks", "development", "e1")
INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)


@dataclass
class Recorder:
    """The executor behind: notes what it is asked."""

    started: list[AttemptKey] = field(default_factory=list)
    aborted: list[AttemptKey] = field(default_factory=list)
    forgotten: list[AttemptKey] = field(default_factory=list)
    known: set[AttemptKey] = field(default_factory=set)

    def connect(self, sink: Sink) -> None: ...

    def start(self, request: TaskRequest) -> None:
        self.started.append(request.key)

    def abort(self, key: AttemptKey, reason: str) -> None:
        self.aborted.append(key)

    def forget(self, key: AttemptKey) -> None:
        self.forgotten.append(key)

    def knows(self, key: AttemptKey) -> bool:
        return key in self.known

    def close(self) -> None: ...


class Desk:
    """An executor, what it wrote, and what it told."""

    def __init__(
        self, objects: DirectoryObjectStore, folder: Path, endpoints: tuple[str, ...], **settings: Any
    ) -> None:
        self.objects = objects
        self.folder = folder
        self.settings = ConnectorSettings(
            endpoints=endpoints, **{"look_every": 0.5, "patience": 5, **settings}
        )
        self.behind = Recorder()
        self.open()

    def open(self) -> None:
        self.inbox = Inbox()
        self.executor = ConnectorExecutor(self.settings, self.objects, self.behind)
        self.executor.connect(self.inbox)

    def restart(self, **settings: Any) -> None:
        """As after a restart of the control plane."""
        self.executor.close()
        self.settings = replace(self.settings, **settings)
        self.open()

    def close(self) -> None:
        self.executor.close()

    def job(
        self, how: str, *, attempt: int = 0, node: str = "n0", timeout: float | None = None
    ) -> TaskRequest:
        """A job of `tests/workflows/connectors.py`."""
        return self.request(
            "test-job", attempt=attempt, node=node, timeout=timeout, folder=str(self.folder), x=21, how=how
        )

    def request(
        self,
        task_type: str,
        *,
        attempt: int = 0,
        node: str = "n0",
        timeout: float | None = None,
        outputs: tuple[str, ...] = ("y",),
        template: tasks_pb2.TaskTemplate | None = None,
        **inputs: str | int,
    ) -> TaskRequest:
        template = template or tasks_pb2.TaskTemplate()
        template.type = task_type
        template.interface.outputs.CopyFrom(
            interface_pb2.VariableMap(
                variables={name: interface_pb2.Variable(type=INTEGER) for name in outputs}
            )
        )
        key = AttemptKey(EXECUTION, UniqueNodeId(node), attempt)
        prefix = f"s3://my-s3-bucket/e1/{node}/data/{attempt}"
        return TaskRequest(
            key=key,
            task_id=EntityId(1, "flytesnacks", "development", "task", "v1"),
            template=template,
            inputs=literals_pb2.LiteralMap(
                literals={name: _literal(value) for name, value in inputs.items()}
            ),
            inputs_uri=f"s3://my-s3-bucket/e1/{node}/data/inputs.pb",
            output_prefix=prefix,
            raw_output_prefix="s3://my-s3-bucket/data/xy",
            checkpoint_prefix="s3://my-s3-bucket/data/xy/_flytecheckpoints",
            previous_checkpoint_prefix='""',
            unique_name=f"e1-{node}-{attempt}",
            env={"FROM": "execution"},
            labels={"team": "blue"},
            annotations={"note": "1"},
            timeout=None if timeout is None else timedelta(seconds=timeout),
        )

    def run(self, request: TaskRequest) -> AttemptUpdate:
        """Start it, and how it ended."""
        self.executor.start(request)
        return self.inbox.wait_for(request.key)

    def outputs(self, request: TaskRequest) -> dict[str, Any]:
        written = literals_pb2.LiteralMap.FromString(self.objects.get(f"{request.output_prefix}/outputs.pb"))
        values = {}
        for name, literal in written.literals.items():
            primitive = literal.scalar.primitive
            values[name] = getattr(primitive, primitive.WhichOneof("value"))
        return values

    def journal(self) -> list[str]:
        """What the jobs wrote."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def notes(self) -> list[str]:
        """Which attempts are noted."""
        return [info.uri for info in self.objects.list(self.settings.notes_prefix)]


def _literal(value: str | int) -> literals_pb2.Literal:
    primitive = (
        literals_pb2.Primitive(string_value=value)
        if isinstance(value, str)
        else literals_pb2.Primitive(integer=value)
    )
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))
