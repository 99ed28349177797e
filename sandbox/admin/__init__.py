"""Flyte's admin gRPC services."""

from __future__ import annotations
