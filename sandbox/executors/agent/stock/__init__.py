"""flytekit's own connector server, run in the environment of the tasks."""

from __future__ import annotations
