"""Docker's frames of output, and how they arrive."""

from __future__ import annotations

import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.appliance.node import execution
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.specification import NodeSpec

NODE = Node(NodeSpec("s", "demo", "debian", "1"), "c0ffee", "running", 0, False, "", "", "")


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.integers(1, 20))
def test_frames_are_whole_however_they_arrive(sent: list[tuple[int, bytes]], size: int) -> None:
    wire = b"".join(struct.pack(">BxxxL", kind, len(data)) + data for kind, data in sent)
    buffer, seen = bytearray(), []
    for start in range(0, len(wire), size):
        buffer.extend(wire[start : start + size])
        seen += list(execution.frames(buffer))
    assert seen == sent
    assert not buffer


def _framed(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(data)) + data


class _Answers(socketserver.StreamRequestHandler):
    """As Docker answers: a command is made, it runs, and it has ended with 0."""

    def handle(self) -> None:
        while request := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            if b"/start " in request:
                head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
                self.wfile.write(head + _framed(1, b"all of it") + _framed(2, b"and a warning"))
                return
            body = json.dumps({"Id": "e1", "ExitCode": 0}).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Docker's own client, and one who answers it with head and output at once."""
    path = str(tmp_path / "docker.sock")
    with socketserver.ThreadingUnixStreamServer(path, _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = docker.APIClient(base_url=f"unix://{path}", version="1.41")
        yield Engine(client)
        client.close()
        server.shutdown()


def test_output_that_comes_with_the_head_of_the_answer_is_not_lost(engine: Engine) -> None:
    output = execution.run(engine, NODE, ["cat", "file"])
    assert (output.code, output.stdout, output.stderr) == (0, b"all of it", b"and a warning")
