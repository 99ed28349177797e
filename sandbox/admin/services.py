"""Puts Admin, DataProxy, Signal, Health and reflection on a gRPC server."""

from __future__ import annotations

import grpc

from sandbox.admin.context import AdminContext


def add_to(server: grpc.Server, context: AdminContext) -> None:
    """Register every service of this room. Call it before `server.start()`."""
