"""What this backend is."""

from __future__ import annotations

from flyteidl.admin import version_pb2

from sandbox.admin.context import AdminContext


def get(context: AdminContext, request: version_pb2.GetVersionRequest) -> version_pb2.GetVersionResponse:
    """GetVersion."""
    return version_pb2.GetVersionResponse(
        control_plane_version=version_pb2.Version(
            Build=context.settings.build, Version=context.settings.version
        )
    )
