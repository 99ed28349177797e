"""A console over a recorded admin, served by a real HTTP server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from sandbox.console import app
from sandbox.console.logs import LogChunk
from sandbox.console.settings import ConsoleSettings
from sandbox.idl.identifiers import AttemptKey
from tests.integration.console import recorded, stories
from tests.integration.console.browsing import Browser
from tests.integration.console.recorded import Recording
from tests.waiting import eventually


class Logs:
    """Logs kept in memory; tests write to `texts` by `<node>/<attempt>`."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {
            "n3/0": b"Accuracy: 75.98%\n",
            "n3-0-dn0/0": "".join(f"line {i} – ü\n" for i in range(300)).encode(),
        }

    def read(self, key: AttemptKey, offset: int, limit: int) -> LogChunk | None:
        data = self.texts.get(f"{key.node}/{key.attempt}")
        if data is None:
            return None
        start = max(len(data) + offset, 0) if offset < 0 else min(offset, len(data))
        return LogChunk(data[start : start + limit], start, len(data))


@pytest.fixture
def recording() -> Recording:
    """A recorded sandbox with all ordinary stories, fresh for each test."""
    return stories.tell(Recording())


@pytest.fixture
def logs() -> Logs:
    return Logs()


@contextmanager
def serving(target: str, logs: Logs, settings: ConsoleSettings) -> Iterator[str]:
    """Serve a console over some admin; yields its address."""
    config = uvicorn.Config(app.create(target, logs, settings), log_level="error", ws="none", loop="asyncio")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    eventually(lambda: server.started, 10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture
def console_url(recording: Recording, logs: Logs) -> Iterator[str]:
    """The address of a console over the recording."""
    settings = ConsoleSettings(version="1.2.3", refresh_seconds=0.2)
    with recorded.serving(recording) as target, serving(target, logs, settings) as url:
        yield url


@pytest.fixture
def browser(console_url: str) -> Browser:
    """Asks the console as a browser would, without running scripts."""
    return Browser(console_url)


@pytest.fixture(scope="module")
def wide_browser() -> Iterator[Browser]:
    """A browser on a recorded sandbox in which five thousand tasks run; nothing is changed there."""
    recording = stories.tell_wide(Recording())
    with recorded.serving(recording) as target, serving(target, Logs(), ConsoleSettings()) as url:
        yield Browser(url)
