"""Workflow specs to validated, compiled closures. Pure."""

from __future__ import annotations
