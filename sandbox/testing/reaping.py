"""Tears a sandbox down when the tests that started it are gone, however they went.

    python -m sandbox.testing.reaping COMMAND…

It waits for the end of its standard input, a pipe whose other end only the tests' process holds: the system
closes it even when that process is killed. Then COMMAND is run, unless "done" came through the pipe before.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType

_DONE = b"done"


class Reaper:
    """Runs a command once this process is gone; leaving the block normally calls it off."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._watcher = subprocess.Popen(
            [sys.executable, "-m", "sandbox.testing.reaping", *command],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the tests
        )

    def __enter__(self) -> Reaper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.communicate(_DONE)


def main(command: Sequence[str]) -> int:
    """Wait, then run the command, or don't; its exit code."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _DONE:
        return 0
    return subprocess.run(list(command), stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
