"""The backend, with all projects registered, and the running of cases side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.backends import Backend, Opener, embedded, pods
from tests.conformance.side_by_side import SideBySide, is_case, lacks

BACKENDS: dict[str, Opener] = {"embedded": embedded.opened, "pods": pods.opened}
PROJECTS = Path(__file__).with_name("projects")
_HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-backend",
        choices=sorted(BACKENDS),
        default="embedded",
        help="What the conformance suite runs against.  [default: embedded]",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "case(cell, needs): runs beside others; its cell of the table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            # The SDK warns of its own future.
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A ready sandbox that knows everything in `projects`."""
    # A conftest that pytest comes upon late cannot add options.
    opener = BACKENDS[request.config.getoption("--conformance-backend", default="embedded")]
    with opener(tmp_path_factory.mktemp("conformance"), request) as backend:
        backend.register(PROJECTS)
        yield backend


@pytest.fixture(scope="session")
def side_by_side(request: pytest.FixtureRequest, backend: Backend) -> Iterator[SideBySide]:
    running = SideBySide(backend, request.session.items)
    yield running
    running.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A case has been begun already: wait for it in place of calling it."""
    if not is_case(pyfuncitem):
        return None
    missing = lacks(pyfuncitem.funcargs["backend"], pyfuncitem)
    if missing is not None:
        pytest.skip(f"this backend has no {missing}")
    running: SideBySide = pyfuncitem._request.getfixturevalue("side_by_side")
    running.result(pyfuncitem)
    return True
