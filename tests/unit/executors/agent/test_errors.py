"""Every status of gRPC has its meaning."""

from __future__ import annotations

import grpc

from sandbox.executors.agent import errors


def test_every_status_is_known() -> None:
    assert set(errors._KINDS) == set(grpc.StatusCode)
