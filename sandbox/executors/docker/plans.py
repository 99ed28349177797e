"""From a task request to what is needed for its container: the blueprint, its files, its places."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from flyteidl.core import tasks_pb2

from sandbox.executors import containers, rendering
from sandbox.executors.api import TaskRequest
from sandbox.executors.docker import records
from sandbox.executors.docker.daemon import Blueprint
from sandbox.executors.process import orders
from sandbox.executors.process.settings import ProcessSettings

DEFAULT_INPUTS = PurePosixPath("/var/flyte/inputs")
DEFAULT_OUTPUTS = PurePosixPath("/var/flyte/outputs")
SECRETS = PurePosixPath("/etc/flyte/secrets")
_STAY = tasks_pb2.IOStrategy.DO_NOT_DOWNLOAD


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one attempt's container."""

    blueprint: Blueprint
    inputs: PurePosixPath | None = None
    """Where it finds its inputs; None: it wants none."""
    outputs: PurePosixPath | None = None
    """Where it writes its outputs; None: it gives none, or stores them itself."""
    document_format: int = tasks_pb2.DataLoadingConfig.JSON
    with_files: bool = True
    """Whether files of the store are brought."""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Below SECRETS."""


def of(request: TaskRequest, settings: ProcessSettings, name: str) -> Plan:
    """The plan for an attempt.

    Raises containers.UnrunnableTaskError, rendering.RenderingError, secrets.MissingSecretError and
    secrets.UnusableSecretError.
    """
    container = containers.of(request.template)
    granted = orders.grant(request, settings, Path(SECRETS))
    blueprint = _blueprint(request, container, settings, name, granted.env)
    data = container.data
    if data is None:
        return Plan(blueprint, secrets=granted.files)
    interface = request.template.interface
    return Plan(
        blueprint,
        inputs=_place(data.input_path, DEFAULT_INPUTS) if interface.inputs.variables else None,
        outputs=_place(data.output_path, DEFAULT_OUTPUTS) if interface.outputs.variables else None,
        document_format=data.format,
        with_files=data.io_strategy.download_mode != _STAY,
        secrets=granted.files,
    )


def _blueprint(
    request: TaskRequest,
    container: containers.Container,
    settings: ProcessSettings,
    name: str,
    secret_variables: Mapping[str, str],
) -> Blueprint:
    places = rendering.Places(
        input=request.inputs_uri,
        output_prefix=request.output_prefix,
        raw_output_prefix=request.raw_output_prefix,
        checkpoint_prefix=request.checkpoint_prefix,
        previous_checkpoint_prefix=request.previous_checkpoint_prefix,
        unique_name=request.unique_name,
        namespace=f"{request.key.execution.project}-{request.key.execution.domain}",
        task_template=request.task_template,
    )
    if not container.image:
        raise containers.UnrunnableTaskError("The task names no image for its container.")
    return Blueprint(
        name=name,
        image=container.image,
        entrypoint=tuple(rendering.render(container.command, places, request.inputs)),
        arguments=tuple(rendering.render(container.args, places, request.inputs)),
        env={
            **orders.services(settings),
            **settings.env,
            **container.env,
            **request.env,
            **orders.array_index(request),
            **secret_variables,
        },
        labels={**request.labels, records.LABEL: records.label_of(settings.tasks_root)},
        working_directory=container.working_directory,
        memory_limit=container.memory_limit,
        cpu_limit=container.cpu_limit,
        network=_network(),
    )


def _network() -> str:
    """This machine's own network, in which the sandbox's services are where the variables say. Where Docker
    runs in a virtual machine, that one's network would be of no use."""
    return "host" if sys.platform == "linux" else "bridge"


def _place(path: str, default: PurePosixPath) -> PurePosixPath:
    place = PurePosixPath(path) if path else default
    if not place.is_absolute() or ".." in place.parts or place == PurePosixPath("/"):
        raise containers.UnrunnableTaskError(
            "The task's folder for inputs or outputs must be an absolute path in its container, "
            f"not {path!r}."
        )
    return place
