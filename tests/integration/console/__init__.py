"""The console against a real gRPC server that plays recorded messages."""

from __future__ import annotations
