"""Tasks as warm forked processes on this machine."""

from __future__ import annotations
