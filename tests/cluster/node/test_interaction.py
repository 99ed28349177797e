"""Commands in the node for a person: at a terminal, and behind a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from tests.cluster.nodes import Cluster
from tests.waiting import eventually

_PROGRAM = """
import sys
from sandbox.appliance.node import container, engine, execution
docker = engine.connect()
node = container.find(docker, sys.argv[1])
sys.exit(execution.interact(docker, node, ["sh", "-c", sys.argv[2]]))
"""


def _command(cluster: Cluster, script: str) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, cluster.name, script]


def test_a_terminal_is_one_in_the_node_too(cluster: Cluster) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    script = "test -t 0 && test -t 1 && sleep 1; stty size; read answer; echo got $answer; exit 5"
    process = subprocess.Popen(
        _command(cluster, script), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    try:
        os.close(theirs)
        seen = b""

        def shows(words: bytes) -> bool:
            nonlocal seen
            seen += os.read(ours, 4096)
            return words in seen

        eventually(lambda: shows(b"33 77"), 30)
        os.write(ours, b"hello\n")
        eventually(lambda: shows(b"got hello"), 30)
        assert process.wait(30) == 5
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_behind_a_pipe_streams_stay_apart_and_the_end_of_input_is_told(cluster: Cluster) -> None:
    done = subprocess.run(
        _command(cluster, "test -t 0 || cat; echo trouble >&2; exit 3"),
        input=b"x" * 100_000 + b"\nend\n",
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stdout == b"x" * 100_000 + b"\nend\n"
    assert done.stderr == b"trouble\n"


def test_a_command_that_is_not_there_is_told_as_a_shell_would(cluster: Cluster) -> None:
    done = subprocess.run(_command(cluster, "no-such-program"), capture_output=True, timeout=60, check=False)
    assert done.returncode == 127
    assert b"not found" in done.stderr
