"""The echo executor: a task of type `echo` answers its input, without a process.

Flyte has it for tests of the engine itself, and so have we: it costs what the engine costs. One input goes to
one output; a task without variables does nothing (`flyteplugins/go/tasks/plugins/testing/echo.go`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from flyteidl.core import literals_pb2

from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, ErrorKind, Sink, TaskRequest
from sandbox.idl.identifiers import AttemptKey


class OutputStore(Protocol):
    """Where outputs are written; `store.objects.ObjectStore` is one."""

    def put(self, uri: str, data: bytes) -> object: ...


class EchoExecutor:
    """Implements `sandbox.executors.api.Executor` inside the calling thread: `start` reports the end."""

    def __init__(self, objects: OutputStore) -> None:
        self._objects = objects
        self._sink: Sink | None = None

    def connect(self, sink: Sink) -> None:
        self._sink = sink

    def start(self, request: TaskRequest) -> None:
        error = self._echo(request)
        phase = AttemptPhase.SUCCEEDED if error is None else AttemptPhase.FAILED
        self._report(request.key, phase, error)

    def abort(self, key: AttemptKey, reason: str) -> None:
        self._report(key, AttemptPhase.ABORTED)

    def forget(self, key: AttemptKey) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        self._sink = None

    def _echo(self, request: TaskRequest) -> AttemptError | None:
        inputs = list(request.template.interface.inputs.variables)
        outputs = list(request.template.interface.outputs.variables)
        if len(inputs) != len(outputs) or len(inputs) > 1:
            message = (
                f"an echo task has as many outputs as inputs, and at most one: {request.task_id.name} has "
                f"{len(inputs)} and {len(outputs)}"
            )
            return AttemptError("BadTaskSpecification", message, ErrorKind.USER, recoverable=False)
        if outputs:
            literals = {outputs[0]: request.inputs.literals[inputs[0]]}
            answer = literals_pb2.LiteralMap(literals=literals)
            self._objects.put(f"{request.output_prefix}/outputs.pb", answer.SerializeToString())
        return None

    def _report(self, key: AttemptKey, phase: AttemptPhase, error: AttemptError | None = None) -> None:
        if self._sink is not None:
            self._sink(AttemptUpdate(key, phase, datetime.now(UTC), error=error))
