"""What the process executor must be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Where things are, what tasks may use, and how they reach the rest of the sandbox."""

    tasks_root: Path
    """The executor's own directory (`<state>/tasks`): attempts, logs, code, runners."""
    images_root: Path
    """`<state>/images`: `<quoted tag>/environment.json` maps an image tag to a Python environment."""
    objects_root: Path | None
    """The directory that holds the buckets as folders (`<state>/objects`); a task's inputs.pb is read and its
    outputs.pb written there directly. `None`: the task uses S3 for these too."""
    s3_endpoint: str
    """`http://127.0.0.1:30002`: where tasks find the object store."""
    s3_access_key: str = "minio"
    s3_secret_key: str = "miniostorage"
    platform_endpoint: str = "localhost:30080"
    """The admin API as tasks reach it (FLYTE_PLATFORM_URL)."""
    log_url_prefix: str = "http://localhost:30080/logs"
    """An attempt's output is at `<prefix>/<project>/<domain>/<execution>/<unique node id>/<attempt>`."""
    secrets_root: Path | None = None
    """`<state>/secrets`: the sandbox's secrets. `None`: it has none."""
    sandbox_flags: str = ""
    """What a command of the CLI needs to reach this sandbox: ` --name mine`."""
    canary_python: Path | None = None
    """The Python that serves the reserved image tag `sandbox-canary`; `None`: that tag is unknown."""
    enforce_limits: bool = False
    """Whether a task over its memory limit is killed, or only told about."""
    max_running: int | None = None
    """How many attempts run at once per environment; `None`: twice the number of processors."""
    grace: timedelta = timedelta(seconds=5)
    """Between the polite signal and the deadly one when an attempt is ended."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to every task's environment: `sandbox start --env`."""
