"""What it takes to turn a project into an environment: its files, its Python, its requirements."""

from __future__ import annotations
