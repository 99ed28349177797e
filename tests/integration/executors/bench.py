"""Drives a process executor as the engine does: writes inputs, starts, waits for updates, reads outputs."""

from __future__ import annotations

import dataclasses
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyteidl.core import errors_pb2, literals_pb2, tasks_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.executors.process import attempts
from sandbox.executors.process.executor import ProcessExecutor
from sandbox.executors.process.settings import ProcessSettings
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId
from tests.integration import servers
from tests.waiting import eventually

PROJECT = Path(__file__).with_name("project")
DISTRIBUTION = "s3://my-s3-bucket/code/jobs.tar.gz"


class Inbox:
    """A sink that remembers everything and wakes those who wait."""

    def __init__(self) -> None:
        self.updates: list[AttemptUpdate] = []
        self._changed = threading.Condition()

    def __call__(self, update: AttemptUpdate) -> None:
        with self._changed:
            self.updates.append(update)
            self._changed.notify_all()

    def wait_for(
        self, key: AttemptKey, phase: AttemptPhase | None = None, timeout: float = 30
    ) -> AttemptUpdate:
        """The first update of an attempt that is of this phase, or that is terminal."""

        def find() -> AttemptUpdate | None:
            for update in self.updates:
                if update.key == key and (update.phase is phase if phase else update.phase.is_terminal):
                    return update
            return None

        with self._changed:
            self._changed.wait_for(find, timeout)
            found = find()
        if found is None:
            raise TimeoutError(f"{key} did not become {phase or 'terminal'}: {self.of(key)}")
        return found

    def of(self, key: AttemptKey) -> list[AttemptPhase]:
        """The phases that an attempt was reported in."""
        return [update.phase for update in self.updates if update.key == key]


class Bench:
    """An executor and its surroundings."""

    def __init__(self, settings: ProcessSettings, s3: servers.NanioServer, execution: str) -> None:
        self.settings = settings
        self.s3 = s3
        name = re.sub("[^a-z0-9-]", "-", execution.lower())[:60]
        self.execution = ExecutionId("flytesnacks", "development", name)
        self.restart()

    def restart(self, **changes: Any) -> None:
        """A new executor, as after a restart of the control plane."""
        if hasattr(self, "executor"):
            self.executor.close()
        self.settings = dataclasses.replace(self.settings, **changes)
        self.inbox = Inbox()
        self.executor = ProcessExecutor(self.settings)
        self.executor.connect(self.inbox)

    def close(self) -> None:
        """Leave no attempt running."""
        for update in self.inbox.updates:
            if not any(phase.is_terminal for phase in self.inbox.of(update.key)):
                self.executor.abort(update.key, "the test is over")
                self.inbox.wait_for(update.key)
        self.executor.close()

    def request(
        self, task: str, *, node: str = "n0", attempt: int = 0, fast: bool = False, **inputs: Any
    ) -> TaskRequest:
        """A request for a task of the project, with its inputs stored."""
        return self.custom(flytekit_container(task, fast=fast), node=node, attempt=attempt, **inputs)

    def custom(
        self, container: tasks_pb2.Container, *, node: str = "n0", attempt: int = 0, **inputs: Any
    ) -> TaskRequest:
        """A request for any container."""
        prefix = f"s3://my-s3-bucket/metadata/propeller/{self.execution.name}/{node}/data"
        raw = f"s3://my-s3-bucket/data/aa/{self.execution.name}-{node}-{attempt}"
        values = literals_pb2.LiteralMap(literals={name: literal(value) for name, value in inputs.items()})
        self.s3.directory.put(f"{prefix}/inputs.pb", values.SerializeToString())
        return TaskRequest(
            key=AttemptKey(self.execution, UniqueNodeId(node), attempt),
            task_id=EntityId(1, self.execution.project, self.execution.domain, "jobs", "v1"),
            template=tasks_pb2.TaskTemplate(container=container),
            inputs=values,
            inputs_uri=f"{prefix}/inputs.pb",
            output_prefix=f"{prefix}/{attempt}",
            raw_output_prefix=raw,
            checkpoint_prefix=f"{raw}/_flytecheckpoints",
            previous_checkpoint_prefix='""',
            unique_name=f"{self.execution.name}-{node}-{attempt}",
            env={"FLYTE_INTERNAL_EXECUTION_ID": self.execution.name},
        )

    def start(self, task: str, *, timeout: timedelta | None = None, **more: Any) -> TaskRequest:
        """Start a task of the project."""
        request = dataclasses.replace(self.request(task, **more), timeout=timeout)
        self.executor.start(request)
        return request

    def run(self, task: str, **more: Any) -> AttemptUpdate:
        """Start a task of the project and wait for its end."""
        return self.inbox.wait_for(self.start(task, **more).key)

    def running(self, request: TaskRequest) -> int:
        """Wait until a task has said that it sleeps; its process id."""
        return int(self.said(request, r"sleeping as (\d+)"))

    def said(self, request: TaskRequest, pattern: str) -> str:
        """Wait until a task has printed something; the pattern's group."""
        found = eventually(lambda: re.search(pattern, self.log(request)), timeout=20)
        return found[1]

    def log(self, request: TaskRequest) -> str:
        """What an attempt has printed so far."""
        path = attempts.log_path(self.settings.tasks_root, request.key)
        return path.read_text() if path.exists() else ""

    def output(self, request: TaskRequest) -> literals_pb2.Literal:
        """What an attempt returned."""
        outputs = literals_pb2.LiteralMap()
        outputs.ParseFromString(self.s3.directory.get(f"{request.output_prefix}/outputs.pb"))
        return outputs.literals["o0"]

    def error(self, request: TaskRequest) -> errors_pb2.ContainerError:
        """What an attempt left as its error."""
        document = errors_pb2.ErrorDocument()
        document.ParseFromString(self.s3.directory.get(f"{request.output_prefix}/error.pb"))
        return document.error


def flytekit_container(task: str, *, fast: bool = False, memory: str = "") -> tasks_pb2.Container:
    """The container of a task as flytekit registers it."""
    arguments = [
        *("pyflyte-execute", "--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"),
        *("--raw-output-data-prefix", "{{.rawOutputDataPrefix}}"),
        *(
            "--checkpoint-path",
            "{{.checkpointOutputPrefix}}",
            "--prev-checkpoint",
            "{{.prevCheckpointPrefix}}",
        ),
        *("--resolver", "flytekit.core.python_auto_container.default_task_resolver"),
        *("--", "task-module", "jobs", "task-name", task),
    ]
    if fast:
        before = [
            "pyflyte-fast-execute",
            "--additional-distribution",
            DISTRIBUTION,
            "--dest-dir",
            "/root",
            "--",
        ]
        arguments = [*before, *arguments]
    container = tasks_pb2.Container(image="default", args=arguments)
    if memory:
        container.resources.limits.add(name=tasks_pb2.Resources.ResourceName.MEMORY, value=memory)
    return container


def literal(value: Any) -> literals_pb2.Literal:
    """A Python value as a literal; literals stay what they are."""
    if isinstance(value, literals_pb2.Literal):
        return value
    primitive = literals_pb2.Primitive()
    if isinstance(value, int):
        primitive.integer = value
    elif isinstance(value, float):
        primitive.float_value = value
    else:
        primitive.string_value = value
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))
