"""What commands on an embedded sandbox must not import: it is what they would wait for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = ("docker", "kubernetes", "yaml", "jinja2", "cryptography", "testcontainers", "flytekit")


@pytest.mark.parametrize(
    "module", ["start", "stop", "status", "logs", "exec", "teardown", "list", "console", "secret.list"]
)
def test_a_command_on_an_embedded_sandbox_imports_neither_docker_nor_kubernetes(
    module: str, tmp_path: Path
) -> None:
    program = (
        f"import sys; import sandbox.cli.{module}; from sandbox.appliance import profiles\n"
        "profiles.choose('embedded', 'mine')\n"
        f"sys.exit(', '.join(set({_HEAVY!r}) & set(sys.modules)) or 0)"
    )
    environ = {"SANDBOX_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
