"""What is put beside a container that knows nothing of Flyte: its inputs become files before it starts, and
its files become outputs when it has ended. Pure.

The contract, the names and the flags are Flyte's copilot's (`flytek8s/copilot.go`). Where Kubernetes knows
sidecars (init containers that go on), the kubelet ends the uploader when the task has ended. Elsewhere it is
a container as any other, and the executor ends it by deleting the pod, which a finalizer holds until the
uploader's own end is seen. Either way it is told to by SIGTERM, so it must be listening before the task
starts: a hook holds the task back until then.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from flyteidl.core import interface_pb2, tasks_pb2

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes import merging
from sandbox.executors.kubernetes.settings import KubernetesSettings

ANNOTATION = "flyte.org/copilot"
"""How the uploader is run; absent: there is none."""
SIDECAR = "sidecar"
CONTAINER = "container"
DOWNLOADER = "flyte-copilot-downloader"
UPLOADER = "flyte-copilot-uploader"
_INPUTS = ("flyte-inputs", "/var/flyte/inputs")
_OUTPUTS = ("flyte-outputs", "/var/flyte/outputs")
_COMMAND = ("python", "-m", "sandbox.copilot")
_READY = "/tmp/flyte-copilot-listens"
_STAY = tasks_pb2.IOStrategy.DO_NOT_DOWNLOAD


class NoCopilotError(ValueError):
    """The task needs a copilot, and the settings name no image of one."""


def data_config(template: tasks_pb2.TaskTemplate) -> tasks_pb2.DataLoadingConfig | None:
    """What the task says about its files; None: it reads and writes them itself."""
    target = template.WhichOneof("target")
    config = template.container.data_config if target == "container" else template.k8s_pod.data_config
    return config if config.enabled else None


def add(
    spec: dict[str, Any], primary: dict[str, Any], request: TaskRequest, settings: KubernetesSettings
) -> dict[str, str]:
    """Add to a pod's spec what the task needs; the annotations that go with it. Raises NoCopilotError."""
    config = data_config(request.template)
    if config is None:
        return {}
    if not settings.copilot_image:
        raise NoCopilotError("the task takes its inputs as files, and no image for its copilot is set")
    interface = request.template.interface
    if interface.inputs.variables:
        path = config.input_path or _INPUTS[1]
        _mount(spec, primary, _INPUTS[0], path)
        downloader = _downloader(request, config, path)
        merging.add(spec, "initContainers", _pilot(DOWNLOADER, downloader, _INPUTS[0], path, spec, settings))
    if not interface.outputs.variables:
        return {}
    path = config.output_path or _OUTPUTS[1]
    _mount(spec, primary, _OUTPUTS[0], path)
    uploader = _pilot(UPLOADER, _uploader(request, path), _OUTPUTS[0], path, spec, settings)
    uploader["lifecycle"] = {
        "postStart": {"exec": {"command": ["sh", "-c", f"until [ -e {_READY} ]; do sleep 0.05; done"]}}
    }
    spec["terminationGracePeriodSeconds"] = round(settings.copilot_timeout.total_seconds())
    if settings.native_sidecars:
        uploader["restartPolicy"] = "Always"
        spec["initContainers"] = [uploader, *(spec.get("initContainers") or ())]
        return {ANNOTATION: SIDECAR}
    spec["containers"] = [uploader, *spec["containers"]]
    return {ANNOTATION: CONTAINER}


def uploader_of(pod: Mapping[str, Any]) -> str:
    """How the pod's uploader is run; empty: there is none."""
    return str(((pod.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION, ""))


def _downloader(request: TaskRequest, config: tasks_pb2.DataLoadingConfig, path: str) -> list[str]:
    formats = tasks_pb2.DataLoadingConfig.LiteralMapFormat
    arguments = [
        "download",
        "--from-remote",
        request.inputs_uri,
        "--to-output-prefix",
        request.output_prefix,
        "--to-local-dir",
        path,
        "--format",
        formats.Name(config.format),
    ]
    if config.io_strategy.download_mode == _STAY:
        arguments.append("--without-files")
    return arguments


def _uploader(request: TaskRequest, path: str) -> list[str]:
    interface = interface_pb2.TypedInterface(outputs=request.template.interface.outputs)
    return [
        "sidecar",
        "--to-raw-output",
        request.raw_output_prefix,
        "--to-output-prefix",
        request.output_prefix,
        "--from-local-dir",
        path,
        "--interface",
        base64.b64encode(interface.SerializeToString(deterministic=True)).decode(),
        "--ready-file",
        _READY,
    ]


def _mount(spec: dict[str, Any], primary: dict[str, Any], volume: str, path: str) -> None:
    merging.add(spec, "volumes", {"name": volume, "emptyDir": {}})
    merging.add(primary, "volumeMounts", {"name": volume, "mountPath": path})


def _pilot(
    name: str,
    arguments: list[str],
    volume: str,
    path: str,
    spec: Mapping[str, Any],
    settings: KubernetesSettings,
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "image": settings.copilot_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(_COMMAND),
        "args": arguments,
        "workingDir": "/",
        "env": [{"name": word, "value": value} for word, value in settings.env.items()],
        "resources": {word: dict(amounts) for word, amounts in settings.copilot_resources.items()},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": volume, "mountPath": path}],
    }
    own = spec.get("securityContext") or {}
    if own.get("runAsUser") is None and not own.get("runAsNonRoot"):
        # The task's container is whoever its image says, usually root: its files must be readable, whatever
        # their mode.
        made["securityContext"] = {"runAsUser": 0, "allowPrivilegeEscalation": False}
    return made
