"""A whole sandbox in a container, made once for the tests of this folder; those that break it mend it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import SandboxContainer, commands, containers
from sandbox.testing.running import FlyteSandbox

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "flyte"


@dataclass(frozen=True)
class Box:
    """A sandbox, and what tests do with it."""

    flyte: FlyteSandbox
    source: Path
    """The project that is mounted."""

    @property
    def container(self) -> str:
        return f"flyte-sandbox-{self.flyte.name}"

    def run(
        self, *words: str, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`sandbox WORDS` for it; what follows `--` stays behind the name."""
        at = words.index("--") if "--" in words else len(words)
        named = (*words[:at], "--name", self.flyte.name, *words[at:])
        return execute(
            [sys.executable, "-m", "sandbox.cli", *named], commands.environ(None), check, cwd or ROOT
        )

    def kubectl(self, *words: str) -> str:
        return execute(["docker", "exec", self.container, "kubectl", *words], None, True, ROOT).stdout

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("status", "-o", "json", check=False).stdout))


def execute(
    words: Sequence[str], environ: dict[str, str] | None, check: bool, cwd: Path
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(words), env=environ, cwd=cwd, capture_output=True, text=True, timeout=1500, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diabetes example, copied to where a user would have it."""
    folder = tmp_path_factory.mktemp("projects") / "diabetes"
    ignored = shutil.ignore_patterns("__pycache__", "flyte-package.tgz")
    shutil.copytree(ROOT / "examples" / "diabetes", folder, ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def box(request: pytest.FixtureRequest, distribution: str, example: Path) -> Iterator[Box]:
    """A ready sandbox of the profile `sandbox`; the example is its source."""
    there = request.config.getoption("--sandbox")
    if there:
        status = json.loads(
            commands.run("status", "--name", there, "-o", "json", environ=commands.environ(None))
        )
        folder = example.parent / "clients"
        folder.mkdir()
        yield Box(containers.describe(there, status["profile"], folder), Path(status["source"]))
        return
    with SandboxContainer("sandbox", distribution=distribution, source=example) as container:
        yield Box(container.flyte, example)
