"""The sandbox's gRPC door as a client of registration sees it: one channel, and what its refusals mean."""

from __future__ import annotations

import base64
import hashlib
import http.client
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import grpc
from flyteidl.admin import launch_plan_pb2, project_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc

from sandbox.appliance.registering.errors import Refused
from sandbox.appliance.registering.packages import Spec

TIMEOUT = 60.0
"""Seconds for one call."""


class Backend:
    """A connection to one sandbox; close it."""

    def __init__(self, target: str) -> None:
        self._target = target
        options = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
        self._channel = grpc.insecure_channel(target, options=(*options, ("grpc.enable_http_proxy", 0)))
        self._admin = admin_pb2_grpc.AdminServiceStub(self._channel)
        self._data = dataproxy_pb2_grpc.DataProxyServiceStub(self._channel)

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def create(self, spec: Spec) -> None:
        """Register one entity; raises grpc.RpcError, which tells existing from refused."""
        if isinstance(spec, launch_plan_pb2.LaunchPlan):
            self._admin.CreateLaunchPlan(
                launch_plan_pb2.LaunchPlanCreateRequest(
                    id=_of_type(spec.id, identifier_pb2.LAUNCH_PLAN), spec=spec.spec
                ),
                timeout=TIMEOUT,
            )
        elif isinstance(spec, workflow_pb2.WorkflowSpec):
            self._admin.CreateWorkflow(
                workflow_pb2.WorkflowCreateRequest(
                    id=_of_type(spec.template.id, identifier_pb2.WORKFLOW), spec=spec
                ),
                timeout=TIMEOUT,
            )
        else:
            self._admin.CreateTask(
                task_pb2.TaskCreateRequest(id=_of_type(spec.template.id, identifier_pb2.TASK), spec=spec),
                timeout=TIMEOUT,
            )

    def activate(self, launch_plan: launch_plan_pb2.LaunchPlan) -> None:
        """Make a registered launch plan the active one of its name; raises grpc.RpcError."""
        self._admin.UpdateLaunchPlan(
            launch_plan_pb2.LaunchPlanUpdateRequest(
                id=_of_type(launch_plan.id, identifier_pb2.LAUNCH_PLAN), state=launch_plan_pb2.ACTIVE
            ),
            timeout=TIMEOUT,
        )

    def create_project(self, project: project_pb2.Project) -> None:
        """Register a project; raises Refused."""
        with self._refusals(f"the project {project.id!r} was not created"):
            self._admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project), timeout=TIMEOUT)

    def upload(self, project: str, domain: str, filename: str, content: bytes) -> str:
        """Put a file where the sandbox says, and return its URI. The same content has the same URI."""
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        request = dataproxy_pb2.CreateUploadLocationRequest(
            project=project, domain=domain, filename=filename, content_md5=digest
        )
        request.expires_in.FromTimedelta(timedelta(minutes=10))
        with self._refusals(f"{filename} was not uploaded"):
            location = self._data.CreateUploadLocation(request, timeout=TIMEOUT)
        headers = {**location.headers, "Content-MD5": base64.b64encode(digest).decode()}
        _put(location.signed_url, content, headers, filename)
        return str(location.native_url)

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as exc:
            raise self.refusal(what, exc) from exc

    def refusal(self, what: str, exc: grpc.RpcError) -> Refused:
        """A failed call to this sandbox, explained."""
        return refusal(what, exc, self._target)


def refusal(what: str, exc: grpc.RpcError, target: str) -> Refused:
    """A failed call, explained."""
    code, details = exc.code(), exc.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE:
        return Refused(what, f"the sandbox does not answer at {target}", "Look with `sandbox status`.")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Refused(what, f"no answer from {target} in {TIMEOUT:.0f} s", "Look with `sandbox logs`.")
    if code is grpc.StatusCode.ALREADY_EXISTS:
        return Refused(what, details or "it exists already", "Use the one that exists, or another name.")
    if code is grpc.StatusCode.NOT_FOUND:
        return Refused(what, details, "Make the project with `sandbox create project`, or correct the name.")
    return Refused(what, details or code.name, f"The sandbox said {code.name}; correct it and try again.")


def _put(url: str, content: bytes, headers: dict[str, str], filename: str) -> None:
    """A PUT that no proxy sees: signed URLs point to this machine."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "localhost", parts.port, timeout=TIMEOUT)
    try:
        connection.request("PUT", f"{parts.path}?{parts.query}", content, headers)
        response = connection.getresponse()
        words = response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as exc:
        raise Refused(
            f"{filename} was not uploaded",
            f"the object store does not answer at {parts.netloc} ({exc})",
            "Look with `sandbox status`.",
        ) from exc
    finally:
        connection.close()
    if response.status >= 300:
        raise Refused(
            f"{filename} was not uploaded",
            f"the object store answered {response.status} {response.reason}: {words}",
            "Look with `sandbox logs object-store`.",
        )


def _of_type(
    identifier: identifier_pb2.Identifier, kind: identifier_pb2.ResourceType
) -> identifier_pb2.Identifier:
    typed = identifier_pb2.Identifier()
    typed.CopyFrom(identifier)
    typed.resource_type = kind
    return typed
