"""Boot, environments, readiness: what makes a machine a sandbox."""

from __future__ import annotations
