"""The engine: a pure core and the shell that does its I/O."""

from __future__ import annotations
