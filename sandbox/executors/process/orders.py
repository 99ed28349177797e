"""From a task request to an order for a runner: the command line, the environment, the limits."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.executors import containers, rendering, secrets
from sandbox.executors.api import TaskRequest
from sandbox.executors.process import local_modes
from sandbox.executors.process.environments import Environment
from sandbox.executors.process.runner import protocol, records
from sandbox.executors.process.settings import ProcessSettings

_INHERITED = (
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "TZ",
    "USER",
    "CUDA_VISIBLE_DEVICES",
)
"""What of this process's environment a task sees; besides, everything named LC_… and the proxies."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FLYTEKIT_PROGRAMS = ("pyflyte-execute", "pyflyte-fast-execute", "pyflyte-map-execute")
_OFFLOADING = "_F_L_MIN_SIZE_MB"
_ARRAY_INDEX_NAME = "BATCH_JOB_ARRAY_INDEX_VAR_NAME"
_ARRAY_INDEX = "FLYTE_K8S_ARRAY_INDEX"


def build(
    request: TaskRequest,
    container: containers.Container,
    environment: Environment,
    settings: ProcessSettings,
    *,
    directory: Path,
    home: Path,
) -> tuple[protocol.Order, str]:
    """The order for one attempt, and what a person should know about it.

    Raises `rendering.RenderingError` if its command cannot be filled, `containers.UnrunnableTaskError`,
    `secrets.MissingSecretError` and `secrets.UnusableSecretError`.
    """
    arguments = rendering.render(container.arguments, _places(request, container, settings), request.inputs)
    if not arguments:
        raise rendering.RenderingError("the task's container has no command")
    granted = grant(request, settings, directory / records.SECRETS)
    env = environment_of(request, container, environment, settings, home=home)
    mode = local_modes.of(request.template, environment, env, directory=directory)
    order = protocol.Order(
        directory=str(directory),
        argv=arguments,
        env={**mode.env, **env, **granted.env},
        code=str(environment.root) if environment.root is not None else None,
        timeout=request.timeout.total_seconds() if request.timeout is not None else None,
        memory_limit=container.memory_limit if settings.enforce_limits else None,
        start_by=request.start_by.timestamp() if request.start_by is not None else 0.0,
        secrets={path: base64.b64encode(value).decode() for path, value in granted.files.items()} or None,
    )
    return order, mode.warning


def environment_of(
    request: TaskRequest,
    container: containers.Container,
    environment: Environment,
    settings: ProcessSettings,
    *,
    home: Path,
) -> dict[str, str]:
    """The whole environment of a task: a clean one, as in a container; particulars win over generalities."""
    env = _inherited(os.environ)
    env["PATH"] = f"{environment.bin}:{os.environ.get('PATH', _SYSTEM_PATH)}"
    env["HOME"] = str(home)
    env["PYTHONUNBUFFERED"] = "1"
    env.update(services(settings))
    env.update(settings.env)
    env.update(environment.env)
    env.update(container.env)
    env.update(request.env)
    env.update(array_index(request))
    return env


def array_index(request: TaskRequest) -> dict[str, str]:
    """How an element of an array node finds its place in the list."""
    if request.array_index is None:
        return {}
    return {_ARRAY_INDEX_NAME: _ARRAY_INDEX, _ARRAY_INDEX: str(request.array_index)}


def grant(request: TaskRequest, settings: ProcessSettings, folder: Path) -> secrets.Grant:
    """The secrets that an attempt asks for, and the variables that name `folder`, where it finds their files.

    Raises `secrets.MissingSecretError` and `secrets.UnusableSecretError`.
    """
    if not request.secrets:
        return secrets.Grant()
    root = settings.secrets_root or settings.tasks_root / records.SECRETS
    store = secrets.SecretStore(root, flags=settings.sandbox_flags)
    return secrets.grant(request.secrets, store, folder)


def local_path(uri: str, objects_root: Path | None) -> str:
    """Where an object lies on this machine, or its URI if it does not."""
    if objects_root is None or not uri.startswith("s3://"):
        return uri
    return str(objects_root / uri.removeprefix("s3://"))


def _places(
    request: TaskRequest, container: containers.Container, settings: ProcessSettings
) -> rendering.Places:
    root = settings.objects_root if _may_use_files(request, container) else None
    return rendering.Places(
        input=local_path(request.inputs_uri, root),
        output_prefix=local_path(request.output_prefix, root),
        raw_output_prefix=request.raw_output_prefix,
        checkpoint_prefix=request.checkpoint_prefix,
        previous_checkpoint_prefix=request.previous_checkpoint_prefix,
        unique_name=request.unique_name,
        namespace=f"{request.key.execution.project}-{request.key.execution.domain}",
        task_template=request.task_template,
    )


def _may_use_files(request: TaskRequest, container: containers.Container) -> bool:
    """Whether the task can be given paths for its metadata.

    flytekit takes either, but writes the place of an offloaded literal into its outputs, where others must be
    able to read it. Other programs get the URIs that they would get in a cluster.
    """
    if _OFFLOADING in request.env:
        return False
    return bool(container.arguments) and container.arguments[0] in _FLYTEKIT_PROGRAMS


def _inherited(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name in _INHERITED or name.startswith("LC_") or name.lower() in _PROXIES
    }


def services(settings: ProcessSettings) -> dict[str, str]:
    """Where the sandbox's own services are, for flytekit and for whatever else speaks S3."""
    return {
        "FLYTE_AWS_ENDPOINT": settings.s3_endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "FLYTE_AWS_SECRET_ACCESS_KEY": settings.s3_secret_key,
        "AWS_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "FLYTE_PLATFORM_URL": settings.platform_endpoint,
        "FLYTE_PLATFORM_INSECURE": "true",
    }
