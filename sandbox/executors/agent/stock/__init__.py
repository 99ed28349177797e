"""flytekit's own connector server, run in the environment of the tasks."""

from __future__ import annotations

from pathlib import Path

SERVE = Path(__file__).with_name("serve.py")
"""The program, for a Python that has flytekit; its own module is never imported."""
