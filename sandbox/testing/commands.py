"""`sandbox` commands in a process of their own: a test's process is left as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sandbox
from sandbox.testing.errors import SandboxUnavailable

_FOREIGN = ("FLYTE", "_F_", "SANDBOX_")
"""Variables of these prefixes speak of another sandbox, or of a task."""


def environ(home: Path | None) -> dict[str, str]:
    """The environment for commands on the sandboxes that are kept in `home`; None: in the user's own place,
    which also has the images that were made once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    place = str(home) if home is not None else os.environ.get("SANDBOX_HOME")
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    root = str(Path(sandbox.__file__).resolve().parent.parent)
    path = [root, *filter(None, [kept.get("PYTHONPATH")])]
    kept |= {"SANDBOX_HOME": place} if place else {}
    return kept | {"NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(path)}


def run(*words: str, environ: Mapping[str, str], timeout: float | None = None) -> str:
    """`sandbox WORDS`; what it printed. Raises SandboxUnavailable."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.cli", *words],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise SandboxUnavailable(f"`sandbox {' '.join(words)}` failed ({done.returncode}):\n{said}")
    return done.stdout


def document(*words: str, environ: Mapping[str, str], timeout: float | None = None) -> dict[str, Any]:
    """The same for a command with `-o json`."""
    return dict(json.loads(run(*words, "-o", "json", environ=environ, timeout=timeout)))
