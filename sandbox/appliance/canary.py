"""The canary: a real workflow, as a user's own would go.

A file goes up by a signed URL; a task, a workflow and a launch plan are registered; an execution is created;
a process reads its inputs, fetches the file from S3 and writes its outputs; the result comes back through
GetExecutionData. It lives in a project of its own, so that a user's lists stay clean. What is registered is
named by its content, hence once for each version of the appliance.

Importing this costs a tenth of a second (gRPC): who does not need it at once imports it late.
"""

from __future__ import annotations

import hashlib
import http.client
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import grpc
from flyteidl.admin import execution_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, interface_pb2, types_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc

from sandbox.appliance.embedded import components
from sandbox.appliance.embedded.control_plane import SYSTEM_PROJECT
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import CanaryFailed

PROJECT = SYSTEM_PROJECT
DOMAIN = "production"
NAME = "canary"
IMAGE = "sandbox-canary"
_PAYLOAD = "payload"
_DIGEST = "digest"
_FIRST_LOOK = 0.005
_CALL_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """A canary that came back."""

    execution: str
    seconds: float
    """From the upload to the result."""


def run(endpoints: Endpoints, *, deadline: float, image: str | None = None) -> CanaryResult:
    """Send the canary; raises CanaryFailed. `deadline` is monotonic.

    `image`: that of a pod, which has the appliance in it; None: a process of this machine runs the task.
    """
    began = time.monotonic()
    with grpc.insecure_channel(endpoints.target) as channel:
        try:
            return _Canary(channel, deadline, _Definition(image)).fly(began)
        except grpc.RpcError as exc:
            raise CanaryFailed(
                "the canary workflow did not get through",
                f"{exc.code().name}: {exc.details()}",
                "Read the control plane's log with `sandbox logs control-plane`.",
            ) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise CanaryFailed(
                "the canary's file could not be uploaded",
                f"{type(exc).__name__}: {exc}",
                "Read the object store's log with `sandbox logs object-store`.",
            ) from exc


def exists(endpoints: Endpoints, execution: str) -> bool:
    """Whether the sandbox remembers an earlier canary."""
    with grpc.insecure_channel(endpoints.target) as channel:
        request = execution_pb2.WorkflowExecutionGetRequest(
            id=identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=execution)
        )
        try:
            admin_pb2_grpc.AdminServiceStub(channel).GetExecution(request, timeout=_CALL_TIMEOUT)
        except grpc.RpcError as exc:
            if exc.code() is grpc.StatusCode.NOT_FOUND:
                return False
            raise
        return True


class _Canary:
    """One flight."""

    def __init__(self, channel: grpc.Channel, deadline: float, definition: _Definition) -> None:
        self._definition = definition
        self._admin = admin_pb2_grpc.AdminServiceStub(channel)
        self._proxy = dataproxy_pb2_grpc.DataProxyServiceStub(channel)
        self._deadline = deadline

    def fly(self, began: float) -> CanaryResult:
        payload = secrets.token_hex(32).encode()
        uri = self._upload(payload)
        execution = self._launch(uri)
        self._wait(execution)
        self._compare(execution, payload)
        return CanaryResult(execution.name, time.monotonic() - began)

    def _timeout(self) -> float:
        return max(0.1, min(_CALL_TIMEOUT, self._deadline - time.monotonic()))

    def _upload(self, payload: bytes) -> str:
        """By a signed URL, as flytekit uploads code; returns where it is."""
        request = dataproxy_pb2.CreateUploadLocationRequest(
            project=PROJECT,
            domain=DOMAIN,
            filename="payload",
            filename_root=f"{NAME}-{hashlib.sha256(payload).hexdigest()[:16]}",
            content_md5=hashlib.md5(payload, usedforsecurity=False).digest(),
        )
        location = self._proxy.CreateUploadLocation(request, timeout=self._timeout())
        url = urlsplit(location.signed_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=self._timeout())
        try:
            connection.request("PUT", f"{url.path}?{url.query}", body=payload, headers=dict(location.headers))
            response = connection.getresponse()
            answer = response.read().decode(errors="replace")
        finally:
            connection.close()
        if response.status != 200:
            raise CanaryFailed(
                "the canary's file could not be uploaded",
                f"the object store answered {response.status}: {answer[:500]}",
                "Read the object store's log with `sandbox logs object-store`.",
            )
        return str(location.native_url)

    def _launch(self, uri: str) -> identifier_pb2.WorkflowExecutionIdentifier:
        """Create an execution; register first what it runs, if this appliance never did."""
        definition = self._definition
        request = execution_pb2.ExecutionCreateRequest(
            project=PROJECT, domain=DOMAIN, name=f"canary-{secrets.token_hex(5)}"
        )
        request.spec.launch_plan.CopyFrom(definition.launch_plan.id)
        request.spec.metadata.mode = execution_pb2.ExecutionMetadata.SYSTEM
        request.inputs.literals[_PAYLOAD].scalar.primitive.string_value = uri
        try:
            created: execution_pb2.ExecutionCreateResponse = self._admin.CreateExecution(
                request, timeout=self._timeout()
            )
        except grpc.RpcError as exc:
            if exc.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            self._register(definition)
            created = self._admin.CreateExecution(request, timeout=self._timeout())
        return created.id

    def _register(self, definition: _Definition) -> None:
        for call, request in (
            (self._admin.CreateTask, definition.task),
            (self._admin.CreateWorkflow, definition.workflow),
            (self._admin.CreateLaunchPlan, definition.launch_plan),
        ):
            try:
                call(request, timeout=self._timeout())
            except grpc.RpcError as exc:
                if exc.code() is not grpc.StatusCode.ALREADY_EXISTS:
                    raise

    def _wait(self, execution: identifier_pb2.WorkflowExecutionIdentifier) -> None:
        phases = core_execution_pb2.WorkflowExecution
        request = execution_pb2.WorkflowExecutionGetRequest(id=execution)
        pause = _FIRST_LOOK
        while True:
            closure = self._admin.GetExecution(request, timeout=self._timeout()).closure
            if closure.phase == phases.SUCCEEDED:
                return
            if closure.phase in (phases.FAILED, phases.ABORTED, phases.TIMED_OUT):
                raise CanaryFailed(
                    f"the canary workflow {phases.Phase.Name(closure.phase).lower()}",
                    f"{closure.error.code}: {closure.error.message}".strip(": "),
                    f"Look at it with `sandbox logs {execution.name} n0`, or into the control plane's log.",
                )
            if time.monotonic() > self._deadline:
                raise CanaryFailed(
                    "the canary workflow did not come back in time",
                    f"its execution {execution.name} is still {phases.Phase.Name(closure.phase)}",
                    "Allow more time with --timeout, or look into the log with `sandbox logs control-plane`.",
                )
            time.sleep(pause)
            pause = min(pause * 1.3, 0.1)

    def _compare(self, execution: identifier_pb2.WorkflowExecutionIdentifier, payload: bytes) -> None:
        request = execution_pb2.WorkflowExecutionGetDataRequest(id=execution)
        outputs = self._admin.GetExecutionData(request, timeout=self._timeout()).full_outputs
        found = outputs.literals[_DIGEST].scalar.primitive.string_value
        if found != hashlib.sha256(payload).hexdigest():
            raise CanaryFailed(
                "the canary workflow brought back a wrong result",
                f"expected the digest of what was uploaded, got {found!r}",
                "The object store may have lost data: look into its log with `sandbox logs object-store`.",
            )


class _Definition:
    """The requests that register the canary, versioned by their content."""

    def __init__(self, image: str | None) -> None:
        self._image = image
        self.task = task_pb2.TaskCreateRequest()
        self.workflow = workflow_pb2.WorkflowCreateRequest()
        self.launch_plan = launch_plan_pb2.LaunchPlanCreateRequest()
        self._fill_task()
        self._fill_workflow()
        self._fill_launch_plan()
        digest = hashlib.sha256()
        for request in (self.task, self.workflow, self.launch_plan):
            digest.update(request.SerializeToString(deterministic=True))
        version = digest.hexdigest()[:16]
        for kind, identifier in (
            (identifier_pb2.TASK, self.task.id),
            (identifier_pb2.TASK, self.task.spec.template.id),
            (identifier_pb2.WORKFLOW, self.workflow.id),
            (identifier_pb2.WORKFLOW, self.workflow.spec.template.id),
            (identifier_pb2.TASK, self.workflow.spec.template.nodes[0].task_node.reference_id),
            (identifier_pb2.LAUNCH_PLAN, self.launch_plan.id),
            (identifier_pb2.WORKFLOW, self.launch_plan.spec.workflow_id),
        ):
            identifier.resource_type = kind
            identifier.project, identifier.domain = PROJECT, DOMAIN
            identifier.name, identifier.version = NAME, version

    def _fill_task(self) -> None:
        template = self.task.spec.template
        template.type = "container"
        template.metadata.retries.retries = 2
        template.metadata.runtime.version = "1"
        _string(template.interface.inputs, _PAYLOAD)
        _string(template.interface.outputs, _DIGEST)
        container = template.container
        container.image = self._image or IMAGE
        container.args.extend(
            ["python", "-m", "sandbox.appliance.canary_task", "{{.input}}", "{{.outputPrefix}}"]
        )
        if self._image is None:
            for name, value in components.import_environment().items():
                container.env.add(key=name, value=value)

    def _fill_workflow(self) -> None:
        template = self.workflow.spec.template
        _string(template.interface.inputs, _PAYLOAD)
        _string(template.interface.outputs, _DIGEST)
        node = template.nodes.add(id="n0")
        node.metadata.name = NAME
        node.task_node.SetInParent()
        binding = node.inputs.add(var=_PAYLOAD)
        binding.binding.promise.var = _PAYLOAD
        output = template.outputs.add(var=_DIGEST)
        output.binding.promise.node_id = "n0"
        output.binding.promise.var = _DIGEST

    def _fill_launch_plan(self) -> None:
        spec = self.launch_plan.spec
        spec.default_inputs.parameters[_PAYLOAD].required = True
        spec.default_inputs.parameters[_PAYLOAD].var.type.simple = types_pb2.STRING
        spec.fixed_inputs.SetInParent()
        spec.entity_metadata.SetInParent()


def _string(variables: interface_pb2.VariableMap, name: str) -> None:
    variables.variables[name].type.simple = types_pb2.STRING
