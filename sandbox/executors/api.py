"""What the engine asks of an executor, and what an executor tells the engine.

The engine calls `start` for every attempt that it has committed as started; it calls it again for the same
key after a restart. An executor therefore treats `start` as *start or attach*: a key that it (or an earlier
process of it) has seen is never run a second time, its current state and everything after it is reported
again.

Updates are delivered to the sink from the executor's own threads, in order for one key, and may be repeated;
the engine ignores what it already knows. An update is handed over only once `sink` returned; results are kept
by the executor until `forget`, so that a control plane killed in between finds them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from flyteidl.core import literals_pb2, security_pb2, tasks_pb2

from sandbox.idl.identifiers import AttemptKey, EntityId


class AttemptPhase(enum.StrEnum):
    """The phases of `core.TaskExecution` that an executor reports."""

    QUEUED = "QUEUED"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    """The process ended well. Whether the *task* did, the engine reads from error.pb and outputs.pb."""
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can come after it."""
        return self in (AttemptPhase.SUCCEEDED, AttemptPhase.FAILED, AttemptPhase.ABORTED)


class ErrorKind(enum.StrEnum):
    """Whose fault a failure is (`core.ExecutionError.ErrorKind`): it decides which retry budget pays."""

    USER = "USER"
    SYSTEM = "SYSTEM"


PROCESS_FAILED = "Error"
"""The code of an attempt whose process ended by itself, with another exit code than 0; Kubernetes' word."""


@dataclass(frozen=True, slots=True)
class AttemptError:
    """Why an attempt failed."""

    code: str
    """One word for programs, as Flyte's own codes: `OOMKilled`, `RunnerLost`."""
    message: str
    """What happened and why, for a person; may have many lines."""
    kind: ErrorKind
    recoverable: bool
    """Whether another attempt may help: a retryable failure in Flyte's words."""


@dataclass(frozen=True, slots=True)
class LogLink:
    """A place where a person can read what the attempt printed."""

    name: str
    uri: str


@dataclass(frozen=True, slots=True)
class AttemptUpdate:
    """Something that happened to an attempt."""

    key: AttemptKey
    phase: AttemptPhase
    occurred_at: datetime
    """Aware, UTC."""
    version: int = 0
    """Grows from one update to the next within a phase."""
    error: AttemptError | None = None
    """Set when FAILED."""
    reason: str = ""
    """One line for a person: why it waits, where it runs."""
    logs: tuple[LogLink, ...] = ()
    peak_memory: int | None = None
    """Bytes: the largest resident set of the attempt's processes; known at the end."""
    memory_limit: int | None = None
    """Bytes: what the task asked to be limited to, if it did."""
    custom_info: Mapping[str, Any] | None = None
    """What whoever runs it has to say about it, for people and programs: JSON."""


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """Everything an executor needs to run one attempt."""

    key: AttemptKey
    task_id: EntityId
    template: tasks_pb2.TaskTemplate
    """Node overrides (resources, image, pod template) are already merged in."""
    inputs: literals_pb2.LiteralMap
    inputs_uri: str
    """`…/inputs.pb`, already written."""
    output_prefix: str
    """Where outputs.pb, error.pb, deck.html and futures.pb are expected; no trailing slash."""
    raw_output_prefix: str
    """Where the attempt puts files and tables: a folder of its own."""
    checkpoint_prefix: str
    """Where it keeps what a later attempt may go on from."""
    previous_checkpoint_prefix: str
    """The literal two characters `""` where there is none, as Flyte writes it."""
    unique_name: str
    """`exec-nodeUniqueId-attempt`, shortened as Flyte does: a legal pod name."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the task's own environment: FLYTE_INTERNAL_*, the execution's envs."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[security_pb2.Secret, ...] = ()
    """What the task and the execution ask for; the executor has the values (`executors.secrets`)."""
    interruptible: bool = False
    start_by: datetime | None = None
    """Aware, UTC: an executor that lets attempts wait starts the one with the earliest first."""
    timeout: timedelta | None = None
    """For one attempt's running time; the executor kills it after that with TimeoutExpired."""
    task_template: Callable[[], str] | None = None
    """Stores the template and gives its URI: for a command that asks for `{{.taskTemplatePath}}`. May raise
    what the object store raises."""
    array_index: int | None = None
    """Set for an element of an array node: FLYTE_K8S_ARRAY_INDEX."""
    identity: security_pb2.Identity | None = None
    """As whom the execution wants it to run: a service account, a role."""


Sink = Callable[[AttemptUpdate], None]


class Executor(Protocol):
    """Runs attempts. All methods are thread-safe and return soon; none waits for a task."""

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates. Called once, before anything else."""

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it if its key is known. Failures arrive as updates, never as
        exceptions.
        """

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and all it started. Reports ABORTED, or the terminal phase it had reached."""

    def forget(self, key: AttemptKey) -> None:
        """The result was committed: what is kept about the attempt (but its log) may go."""

    def close(self) -> None:
        """Stop reporting. Running attempts go on and are found again by the next `start` for their key."""


@runtime_checkable
class Remembering(Protocol):
    """What an executor has too whose attempts leave something behind until they are forgotten.

    An engine that dies between the end of an execution and the last `forget` can't say it later, for an
    execution that is over is nobody's. So a new engine asks once what is still remembered.
    """

    def remembered(self) -> Iterable[AttemptKey]:
        """The attempts of which more than a log is left. May take long; asked on a thread of its own."""
