"""The command line as a subprocess, and what users do with it."""

from __future__ import annotations
