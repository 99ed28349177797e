"""Cases that run beside each other: all are begun with the first, and each test waits for its own.

Most of a case is waiting for tasks, and a case leaves nothing that another could stumble over, so a suite
takes as long as its tasks keep the machine busy rather than the sum of all its waiting.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pandas  # noqa: F401  # the SDK looks whether it is there, not whether it is there as a whole
import pytest
from flytekit.core.type_engine import TypeEngine

from tests.conformance.backends import Backend


class SideBySide:
    """The cases among `items`, begun in their order, `backend.width` at a time."""

    def __init__(self, backend: Backend, items: Iterable[pytest.Item]) -> None:
        # Done by the first conversion otherwise, and not safely by several at once.
        TypeEngine.lazy_import_transformers()
        self._pool = ThreadPoolExecutor(backend.width, thread_name_prefix="case")
        self._running: dict[str, Future[None]] = {
            item.nodeid: self._pool.submit(item.obj, backend, **_parameters(item))
            for item in items
            if isinstance(item, pytest.Function) and is_case(item) and lacks(backend, item) is None
        }

    def result(self, item: pytest.Function) -> None:
        """Wait for a case; raises what it raised."""
        self._running[item.nodeid].result()

    def close(self) -> None:
        """Begin no more, and wait for those that run."""
        self._pool.shutdown(cancel_futures=True)


def is_case(item: pytest.Item) -> bool:
    return item.get_closest_marker("case") is not None


def lacks(backend: Backend, item: pytest.Item) -> str | None:
    """The capability that a case needs and the backend has not."""
    mark = item.get_closest_marker("case")
    needs = mark.kwargs["needs"] if mark else None
    return needs if needs is not None and needs not in backend.capabilities else None


def _parameters(item: pytest.Function) -> Mapping[str, Any]:
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    wanted = set(inspect.signature(item.obj).parameters) - {"backend"}
    if wanted != set(parameters):
        raise TypeError(f"{item.nodeid}: a case takes `backend` and its parameters, not {sorted(wanted)}")
    return parameters
