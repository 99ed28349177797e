"""What is asked of admin: the projects, and the attributes that administrators set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
from flyteidl.admin import matchable_resource_pb2, project_pb2
from flyteidl.service import admin_pb2_grpc

_TIMEOUT = 10.0
_PAGE = 1000


class AdminUnavailable(Exception):
    """Admin did not answer."""


class Admin:
    """A client of admin."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target)
        self._stub = admin_pb2_grpc.AdminServiceStub(self._channel)

    def close(self) -> None:
        """Close the channel; calls under way fail."""
        self._channel.close()

    def projects(self) -> list[project_pb2.Project]:
        """All active projects with their domains. Raises AdminUnavailable."""
        found: list[project_pb2.Project] = []
        token = ""
        with _errors():
            while True:
                request = project_pb2.ProjectListRequest(limit=_PAGE, token=token)
                answer = self._stub.ListProjects(request, timeout=_TIMEOUT)
                found += answer.projects
                token = answer.token
                if not token:
                    return found

    def attributes(self) -> Sequence[matchable_resource_pb2.MatchableAttributesConfiguration]:
        """Every CLUSTER_RESOURCE. Raises AdminUnavailable."""
        request = matchable_resource_pb2.ListMatchableAttributesRequest(
            resource_type=matchable_resource_pb2.CLUSTER_RESOURCE
        )
        with _errors():
            return list(self._stub.ListMatchableAttributes(request, timeout=_TIMEOUT).configurations)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as exc:
        raise AdminUnavailable(f"admin does not answer: {exc.code().name}: {exc.details()}") from exc
