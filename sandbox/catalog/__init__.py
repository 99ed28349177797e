"""The data catalog's gRPC service."""

from __future__ import annotations
