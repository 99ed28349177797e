"""A whole sandbox in a container, as tests see it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.testing import SandboxContainer, commands, containers
from sandbox.testing.running import FlyteSandbox

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "flyte"
_VALUES = ("--set", "tasks.imagePullGrace=30")


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


@contextmanager
def started(distribution: str, source: Path) -> Iterator[Box]:
    """One that is made for the block and gone after it."""
    with SandboxContainer("sandbox", distribution=distribution, source=source, options=_VALUES) as container:
        yield Box(container.flyte, source)


@contextmanager
def running(name: str, folder: Path) -> Iterator[Box]:
    """One that somebody keeps running; clients' files go to a folder that is made for them."""
    status = json.loads(commands.run("status", "--name", name, "-o", "json", environ=commands.environ(None)))
    folder.mkdir()
    yield Box(containers.describe(name, status["profile"], folder), Path(status["source"]))
