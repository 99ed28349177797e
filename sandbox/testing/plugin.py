"""The pytest plugin: `flyte_sandbox`, a ready sandbox for the session, and `flyte_remote`, a client of it.

    def test_it(flyte_sandbox):
        assert flyte_sandbox.run(my_workflow, {"x": 1}).outputs["o0"] == 2

It is known to pytest by the entry point `pytest11`, hence imported by every test run: nothing but pytest is
imported before a test asks for a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flytekit.remote import FlyteRemote

    from sandbox.testing.running import FlyteSandbox

PROFILES = ("embedded", "demo", "sandbox")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("flyte-sandbox", "a Flyte backend for tests")
    group.addoption(
        "--flyte-sandbox-profile",
        choices=PROFILES,
        default=None,
        help="How the sandbox of the fixture flyte_sandbox runs: as processes, or in a container.  "
        "[default: the ini option flyte_sandbox_profile, or embedded]",
    )
    group.addoption(
        "--flyte-sandbox-source",
        type=Path,
        metavar="PATH",
        default=None,
        help="A project in whose environment tasks run (embedded), or that is mounted (sandbox, demo).  "
        "[default: the environment that runs pytest]",
    )
    parser.addini("flyte_sandbox_profile", "See --flyte-sandbox-profile.", default="embedded")


@pytest.fixture(scope="session")
def flyte_sandbox_options() -> Sequence[str]:
    """More flags of `sandbox start`; override it in a conftest."""
    return ()


@pytest.fixture(scope="session")
def flyte_sandbox(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    flyte_sandbox_options: Sequence[str],
) -> Iterator[FlyteSandbox]:
    """A ready sandbox, of this test session alone."""
    profile = request.config.getoption("--flyte-sandbox-profile") or request.config.getini(
        "flyte_sandbox_profile"
    )
    if profile not in PROFILES:
        raise pytest.UsageError(f"flyte_sandbox_profile is {profile!r}, not one of {', '.join(PROFILES)}")
    source = request.config.getoption("--flyte-sandbox-source")
    if profile != "embedded":
        from sandbox.testing.containers import SandboxContainer  # noqa: PLC0415 - as below

        with SandboxContainer(profile, source=source, options=flyte_sandbox_options) as container:
            yield container.flyte
        return
    folder = tmp_path_factory.mktemp("flyte-sandbox")
    from sandbox.testing import embedded  # noqa: PLC0415 - only who asks for a sandbox imports one

    with embedded.running(
        folder,
        name=f"pytest-{os.getpid()}",
        source=source,
        options=flyte_sandbox_options,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def flyte_remote(flyte_sandbox: FlyteSandbox) -> FlyteRemote:
    """The SDK's client of the sandbox."""
    return flyte_sandbox.remote()
