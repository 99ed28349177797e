"""What control plane and runner say to each other: one JSON document a line on a Unix socket.

The control plane sends `start` (again after every reconnect: starting is idempotent) and `abort`; the runner
sends `hello` once it is warm, then for every attempt that was asked for `queued`, `running` and `finished`,
to every connected client. An attempt is named by its directory.
"""

from __future__ import annotations

import json
import typing

VERSION = 2
"""Grows with every change of what is said here: a runner serves control planes of its own version."""

START = "start"
ABORT = "abort"
RETIRE = "retire"
"""Run what you have, then end: the environment has changed and another runner takes over."""

HELLO = "hello"
QUEUED = "queued"
RUNNING = "running"
FINISHED = "finished"
RENEW = "renew"
"""The runner ends to give memory back; start it again, and it will be small."""

CONFIG = "config.json"
"""In the runner's directory: its `Config`, written by the control plane before it starts the runner."""
STATUS = "runner.json"
"""In the runner's directory: `pid` and `started` (kernel ticks), written by the runner."""
LOCK = "lock"
"""In the runner's directory: held (flock) by the one runner of that directory."""
RUNNER_LOG = "runner.log"


class Config(typing.NamedTuple):
    """What a runner is told when it is started."""

    python: str
    """The Python that it runs in, for whoever starts it again."""
    tasks_root: str
    socket: str
    max_running: int
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    idle_exit: float
    """Seconds after which a runner ends that has no client and nothing to run."""
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    object_roots: dict[str, str]
    """URI prefix → directory, for objects that this machine holds as files: `s3://` → `<state>/objects`."""
    preload: bool = True
    """Whether to import flytekit before the first fork."""
    linger: float | None = None
    """Seconds without work after which the runner ends although it has clients; `None`: it stays."""


class Order(typing.NamedTuple):
    """One attempt to be run."""

    directory: str
    argv: list[str]
    env: dict[str, str]
    """The whole environment of the process but TMPDIR."""
    code: str | None
    """A directory whose entries appear in the working directory."""
    timeout: float | None
    """Seconds."""
    memory_limit: int | None
    """Bytes; over it the attempt is ended. `None`: only measured."""
    start_by: float = 0.0
    """Seconds since the epoch: of those that wait, the earliest starts first."""
    secrets: dict[str, str] | None = None
    """Files for the attempt's eyes only: relative path → base64."""


def encode(kind: str, document: dict[str, typing.Any]) -> bytes:
    """One message as a line."""
    return json.dumps({"kind": kind, **document}, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> tuple[str, dict[str, typing.Any]]:
    """The kind of a message and the rest of it."""
    document = json.loads(line)
    return document.pop("kind"), document
