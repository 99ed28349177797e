"""Commands inside the node: for a program (input, output, exit code), and for a person at a terminal.

Docker gives one socket for a command's three streams. Without a terminal its output comes in frames: a byte
that says which stream, three of padding, four with the length.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine, errors
from sandbox.appliance.node.errors import CommandFailed

_HEADER = struct.Struct(">BxxxL")
_OUT, _ERR = 1, 2
_CHUNK = 1 << 16
_KEPT = 1 << 14
"""Bytes of what was printed, for an error's cause."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command left."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


def run(
    engine: Engine,
    node: Node,
    command: Sequence[str],
    *,
    stdin: Iterable[bytes] = (),
    environment: dict[str, str] | None = None,
    directory: str | None = None,
    printed: Callable[[bytes], object] | None = None,
    written: Callable[[bytes], object] | None = None,
) -> Output:
    """Run a command to its end, whatever its exit code.

    :param stdin: is written piece by piece, then its input ends.
    :param printed: gets what comes on either stream; nothing is collected then but the end of it.
    :param written: gets what comes on its output, which is not collected then.
    """
    identifier = _create(engine, node, command, environment, directory, stdin=stdin != (), tty=False)
    stdout, stderr = bytearray(), bytearray()
    with errors("the command in the node can't be started"), _Socket(engine, identifier, tty=False) as stream:
        for kind, data in _exchange(*stream, stdin):
            if printed is not None:
                printed(data)
                stderr.extend(data)
                del stderr[:-_KEPT]
            elif written is not None and kind == _OUT:
                written(data)
            else:
                (stderr if kind == _ERR else stdout).extend(data)
    return Output(_exit_code(engine, identifier), bytes(stdout), bytes(stderr))


def check(engine: Engine, node: Node, command: Sequence[str], **options: Any) -> Output:
    """As `run`. Raises CommandFailed for another exit code than 0."""
    output = run(engine, node, command, **options)
    if output.code != 0:
        words = (output.stderr or output.stdout).decode(errors="replace").strip()
        raise CommandFailed(
            f"`{' '.join(command[:4])}` failed in the node",
            "\n".join(words.splitlines()[-20:]) or f"it ended with {output.code}",
            "Look at what it says.",
            code=output.code,
        )
    return output


def interact(
    engine: Engine,
    node: Node,
    command: Sequence[str],
    *,
    environment: dict[str, str] | None = None,
    directory: str | None = None,
) -> int:
    """Run a command with this process's own input, output and, if they are one, terminal. Returns its exit
    code."""
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    terminal = {"TERM": os.environ.get("TERM", "xterm")} if tty else {}
    told = {**terminal, **(environment or {})}
    identifier = _create(engine, node, command, told, directory, stdin=True, tty=tty)
    with errors("the command in the node can't be started"), _Socket(engine, identifier, tty=tty) as stream:
        if tty:
            with _RawTerminal(lambda rows, columns: engine.api.exec_resize(identifier, rows, columns)):
                _pass_on(*stream, framed=False)
        else:
            _pass_on(*stream, framed=True)
    return _exit_code(engine, identifier)


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames out of what has come so far: stream and data of each."""
    while len(buffer) >= _HEADER.size:
        kind, length = _HEADER.unpack_from(buffer)
        end = _HEADER.size + length
        if len(buffer) < end:
            return
        yield kind, bytes(buffer[_HEADER.size : end])
        del buffer[:end]


def _create(
    engine: Engine,
    node: Node,
    command: Sequence[str],
    environment: dict[str, str] | None,
    directory: str | None,
    *,
    stdin: bool,
    tty: bool,
) -> str:
    with errors("the node takes no command", "Look whether it runs: `sandbox status`."):
        made = engine.api.exec_create(
            node.id, list(command), stdin=stdin, tty=tty, environment=environment, workdir=directory
        )
    return str(made["Id"])


def _exit_code(engine: Engine, identifier: str) -> int:
    with errors("Docker does not tell how the command in the node ended"):
        code = engine.api.exec_inspect(identifier)["ExitCode"]
    return 137 if code is None else int(code)


class _Socket:
    """The connection to a started command, and what came of its output before we had it."""

    def __init__(self, engine: Engine, identifier: str, *, tty: bool) -> None:
        self._holder = engine.api.exec_start(identifier, socket=True, tty=tty)
        self.raw: socket.socket = getattr(self._holder, "_sock", self._holder)

    def __enter__(self) -> tuple[socket.socket, bytes]:
        early = self._read_with_the_head()
        self.raw.settimeout(None)
        return self.raw, early

    def _read_with_the_head(self) -> bytes:
        """Who read the head of Docker's answer took what came with it, and keeps it."""
        response = getattr(self._holder, "_response", None)
        peek = getattr(response.raw._fp.fp, "peek", None) if response is not None else None
        if peek is None:  # by SSH
            return b""
        self.raw.setblocking(False)  # a reader that keeps nothing would wait for more
        with contextlib.suppress(OSError):  # TLS has nothing either
            return bytes(peek())
        return b""

    def __exit__(self, *_: object) -> None:
        self._holder.close()
        self.raw.close()


def _exchange(stream: socket.socket, early: bytes, stdin: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Write all input while output is read, so that neither side waits for the other."""
    pieces = iter(stdin)
    pending = memoryview(b"")
    writing = True
    buffer = bytearray(early)
    yield from frames(buffer)
    while True:
        readable, writable, _ = select.select([stream], [stream] if writing else [], [])
        if writable:
            try:
                pending = pending or memoryview(next(pieces))
                pending = pending[stream.send(pending[:_CHUNK]) :]
            except StopIteration:
                writing = False
                stream.shutdown(socket.SHUT_WR)
            except BrokenPipeError:
                writing = False  # it reads no more; what it printed says why
        if readable:
            data = stream.recv(_CHUNK)
            if not data:
                return
            buffer.extend(data)
            yield from frames(buffer)


def _pass_on(stream: socket.socket, early: bytes, *, framed: bool) -> None:
    """Between the socket and this process's streams, until the command has ended."""
    source, buffer = sys.stdin.fileno(), bytearray()
    watched: list[Any] = [stream, source]
    _show(early, buffer, framed=framed)
    while True:
        ready, _, _ = select.select(watched, [], [])
        if source in ready:
            data = os.read(source, _CHUNK)
            if data:
                stream.sendall(data)
            else:
                watched.remove(source)
                stream.shutdown(socket.SHUT_WR)
        if stream in ready:
            data = stream.recv(_CHUNK)
            if not data:
                return
            _show(data, buffer, framed=framed)


def _show(data: bytes, buffer: bytearray, *, framed: bool) -> None:
    """What came, on the stream that it is for; `buffer` keeps a frame that has only begun."""
    if not framed:
        _write(1, data)
        return
    buffer.extend(data)
    for kind, piece in frames(buffer):
        _write(2 if kind == _ERR else 1, piece)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class _RawTerminal:
    """Hands every key on as it is, and tells the other side the size of the window."""

    def __init__(self, resize: Callable[[int, int], Any]) -> None:
        self._resize = resize
        self._kept: Any = None
        self._handler: Any = None

    def __enter__(self) -> None:
        import termios  # noqa: PLC0415  there is none on Windows, where no terminal comes this far
        import tty  # noqa: PLC0415

        self._kept = termios.tcgetattr(sys.stdin.fileno())
        tty.setraw(sys.stdin.fileno())
        self._handler = signal.signal(signal.SIGWINCH, lambda *_: self._tell())
        self._tell()

    def __exit__(self, *_: object) -> None:
        import termios  # noqa: PLC0415

        signal.signal(signal.SIGWINCH, self._handler)
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._kept)

    def _tell(self) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        self._resize(size.lines, size.columns)
