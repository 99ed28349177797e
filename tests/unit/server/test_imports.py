"""What a process of the control plane does not load: memory and start-up time are part of the design."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_DRIVERS = {"sqlalchemy", "psycopg2", "alembic"}
_OF_CLUSTERS = {
    "kubernetes",
    "cryptography",
    "http.server",
    "sandbox.executors.kubernetes",
    "sandbox.webhook",
    "sandbox.syncresources",
    "sandbox.server.pod_logs",
}


def loaded(program: str) -> set[str]:
    """The modules of a fresh interpreter after these statements."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    return set(json.loads(done.stdout))


def test_one_machine_loads_nothing_that_only_a_cluster_needs() -> None:
    program = """
from sandbox.server import executors, process
for part in process._ALONE:
    process._class(part)
from sandbox.executors.docker.executor import DockerExecutor
from sandbox.executors.process.executor import ProcessExecutor
"""
    assert loaded(program) & _OF_CLUSTERS == set()


@pytest.mark.parametrize("role", ["console", "webhook", "syncresources"])
def test_a_role_that_asks_admin_loads_no_database_driver(role: str) -> None:
    program = f"""
from sandbox.server import process
process._class({role!r})
from sandbox.server import cluster
from sandbox.executors.kubernetes import client, connections
"""
    if role == "console":
        program += "from sandbox.server import pod_logs\n"
    assert loaded(program) & _DRIVERS == set()
