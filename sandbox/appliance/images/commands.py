"""A Docker engine by the `docker` command of this machine, or one in front of which words are put."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterable, Sequence
from typing import IO

from sandbox.appliance.images.providing import DockerFailed, Printed

_CHUNK = 1 << 16


class DockerCommand:
    """`docker …`, or `<words> …`: `("docker", "exec", "--interactive", NODE, "docker")` is the engine in a
    node."""

    def __init__(self, words: Sequence[str] = ("docker",)) -> None:
        self._words = tuple(words)

    def run(
        self, arguments: Sequence[str], *, stdin: Iterable[bytes] = (), printed: Printed | None = None
    ) -> bytes:
        """As `providing.Docker` says."""
        try:
            process = subprocess.Popen(
                [*self._words, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as exc:
            raise DockerFailed(f"{self._words[0]} can't be run: {exc.strerror or exc}") from exc
        writing, reading, told = _pipes(process)
        complaints: list[bytes] = []
        threads = [
            threading.Thread(target=_feed, args=(writing, stdin), daemon=True),
            threading.Thread(
                target=lambda errors: complaints.append(errors.read()), args=(told,), daemon=True
            ),
        ]
        for thread in threads:
            thread.start()
        output = b""
        while data := reading.read(_CHUNK):
            if printed:
                printed(data)
            else:
                output += data
        for thread in threads:
            thread.join()
        code = process.wait()
        reading.close()
        told.close()
        if code:
            raise DockerFailed(b"".join(complaints).decode("utf-8", "replace").strip() or f"exit code {code}")
        return output


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    """Its standard input, output and error, all of which were asked for."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise DockerFailed("the command has no pipes")
    return process.stdin, process.stdout, process.stderr


def _feed(pipe: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Write everything, unless the reader has gone: then its exit code says why."""
    try:
        with pipe:
            for piece in pieces:
                pipe.write(piece)
    except BrokenPipeError:
        return
