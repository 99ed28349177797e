"""The control plane's end of one runner: finds it or starts it, and finds it again when it died.

A link has one thread, which reads what the runner says. Orders that are not finished are kept here and given
to the runner again after every new connection; the runner knows from the attempts' directories what to do
with them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.executors.process import attempts
from sandbox.executors.process.runner import protocol

_log = logging.getLogger(__name__)

_RUNNER = Path(__file__).with_name("runner")
_MAX_SOCKET_PATH = 100
_MAX_BAD_STARTS = 3


class RunnerUnavailableError(RuntimeError):
    """The runner cannot be started; the message holds what it said last."""


@dataclass(frozen=True, slots=True)
class RunnerHome:
    """A runner's directory: its identity."""

    directory: Path

    @property
    def socket_path(self) -> str:
        """Beside its other files, or in the temporary directory where that would be too long for a socket."""
        path = str(self.directory / "socket")
        if len(os.fsencode(path)) < _MAX_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return os.path.join(tempfile.gettempdir(), f"flyte-sandbox-{os.getuid()}-{name}.socket")

    def read_config(self) -> protocol.Config:
        """What the runner was told when it was set up."""
        return protocol.Config(**json.loads((self.directory / protocol.CONFIG).read_text(encoding="utf-8")))

    def write_config(self, config: protocol.Config) -> None:
        """Set the runner up; takes effect when it is started."""
        self.directory.mkdir(parents=True, exist_ok=True)
        beside = self.directory / f"{protocol.CONFIG}.new"
        beside.write_text(json.dumps(config._asdict()), encoding="utf-8")
        beside.replace(self.directory / protocol.CONFIG)


class Listener:
    """What a link tells its owner, from its own thread."""

    def __init__(
        self,
        on_event: Callable[[str, str, Mapping[str, Any]], None],
        on_unavailable: Callable[[str, RunnerUnavailableError], None],
    ) -> None:
        self.on_event = on_event
        """Attempt directory, kind of event, the rest of the message."""
        self.on_unavailable = on_unavailable
        """Attempt directory, why its runner does not start. The order is dropped."""


class Link:
    """A connection to one runner that outlives both the runner's deaths and this process's."""

    def __init__(self, home: RunnerHome, listener: Listener) -> None:
        self._home = home
        self._listener = listener
        self._orders: dict[str, protocol.Order] = {}
        self._aborts: set[str] = set()
        self._changed = threading.Condition()
        self._stream: socket.socket | None = None
        self._ready = False
        self._wanted = False
        self._closed = False
        self._bad_starts = 0
        self._thread = threading.Thread(target=self._run, name=f"runner-{home.directory.name}", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether the runner is connected and warm."""
        return self._ready

    def start(self, order: protocol.Order) -> None:
        """Have an attempt started, or its state reported."""
        with self._changed:
            self._orders[order.directory] = order
            self._changed.notify()
            self._send(protocol.encode(protocol.START, order._asdict()))

    def abort(self, directory: str) -> None:
        """Have an attempt ended. Its end is reported as every other."""
        with self._changed:
            self._aborts.add(directory)
            self._send(protocol.encode(protocol.ABORT, {"directory": directory}))

    def warm(self) -> None:
        """Have the runner started although there is nothing to run yet."""
        with self._changed:
            self._wanted = True
            self._changed.notify()

    def retire(self) -> None:
        """Have the runner end once it has finished what it has."""
        with self._changed:
            self._wanted = False
            self._send(protocol.encode(protocol.RETIRE, {}))

    def close(self) -> None:
        """Leave the runner to itself."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            if self._stream is not None:
                self._stream.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _send(self, message: bytes) -> None:
        if not self._ready or self._stream is None:
            return
        try:
            self._stream.sendall(message)
        except OSError:
            # The reading thread sees the end of the connection too and asks again on the next one.
            self._ready = False

    def _run(self) -> None:
        while self._wait_until_needed():
            try:
                stream = self._reach()
            except RunnerUnavailableError as exc:
                self._give_up(exc)
                continue
            with self._changed:
                self._stream = stream
                closed = self._closed
            if not closed:
                self._read(stream)
            with self._changed:
                self._ready = False
                self._stream = None
            stream.close()

    def _wait_until_needed(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._wanted or self._orders)
            return not self._closed

    def _reach(self) -> socket.socket:
        stream = self._connect()
        while stream is None:
            if self._bad_starts >= _MAX_BAD_STARTS:
                self._bad_starts = 0
                raise RunnerUnavailableError(attempts.tail(self._home.directory / protocol.RUNNER_LOG))
            self._bad_starts += 1
            _spawn(self._home)
            # It fails for a runner that has ended already, as one does whose Python is broken.
            stream = self._connect()
        return stream

    def _connect(self) -> socket.socket | None:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(self._home.socket_path)
        except (FileNotFoundError, ConnectionRefusedError):
            stream.close()
            return None
        return stream

    def _read(self, stream: socket.socket) -> None:
        buffered = stream.makefile("rb")
        try:
            for line in buffered:
                if not line.endswith(b"\n"):
                    return
                kind, document = protocol.decode(line)
                if kind == protocol.HELLO:
                    self._greet()
                elif kind == protocol.RENEW:
                    self.warm()
                else:
                    self._dispatch(kind, document)
        except ConnectionError:
            return
        finally:
            buffered.close()

    def _greet(self) -> None:
        """The runner is warm: give it everything that is not known to be finished."""
        with self._changed:
            self._bad_starts = 0
            self._wanted = False
            self._ready = True
            for order in list(self._orders.values()):
                self._send(protocol.encode(protocol.START, order._asdict()))
            for directory in self._aborts:
                self._send(protocol.encode(protocol.ABORT, {"directory": directory}))

    def _dispatch(self, kind: str, document: dict[str, Any]) -> None:
        directory = document["directory"]
        if kind == protocol.FINISHED:
            with self._changed:
                self._orders.pop(directory, None)
                self._aborts.discard(directory)
        self._listener.on_event(directory, kind, document)

    def _give_up(self, why: RunnerUnavailableError) -> None:
        with self._changed:
            self._wanted = False
            dropped = list(self._orders)
            self._orders.clear()
            self._aborts.clear()
        _log.error("the runner in %s does not start: %s", self._home.directory, why)
        for directory in dropped:
            self._listener.on_unavailable(directory, why)


def _spawn(home: RunnerHome) -> None:
    """Start the runner, detached from this process. It inherits its socket, so connecting works at once."""
    config = home.read_config()
    scratch = home.directory / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLYTE", "AWS"))
    }
    env["TMPDIR"] = str(scratch)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener, (home.directory / protocol.RUNNER_LOG).open("ab") as log:
        Path(home.socket_path).unlink(missing_ok=True)
        listener.bind(home.socket_path)
        os.chmod(home.socket_path, 0o600)
        listener.listen(16)
        try:
            process = subprocess.Popen(
                [config.python, str(_RUNNER), str(home.directory), str(listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=home.directory,
                pass_fds=(listener.fileno(),),
                start_new_session=True,
            )
        except OSError as exc:
            raise RunnerUnavailableError(f"{config.python}: {exc.strerror}") from exc
    # Waits for the runner, which may well outlive this process, so that it does not stay a zombie.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
