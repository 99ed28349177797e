"""The way from the server's configuration to the cluster around it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.server.config import ConfigError, ServerConfig
from sandbox.server.kubernetes_config import KubernetesConfig

if TYPE_CHECKING:
    from sandbox.executors.kubernetes.client import Client
    from sandbox.executors.kubernetes.settings import KubernetesSettings


def of(config: ServerConfig) -> KubernetesConfig:
    """The section of the configuration; ConfigError where there is none."""
    if config.kubernetes is None:
        raise ConfigError("this role needs a cluster: there is no `kubernetes` section")
    return config.kubernetes


def pods(config: ServerConfig) -> KubernetesSettings:
    """What the executor of pods is told."""
    from sandbox.executors.kubernetes.plugins.settings import PluginSettings  # noqa: PLC0415
    from sandbox.executors.kubernetes.settings import KubernetesSettings  # noqa: PLC0415

    chosen = of(config).pods
    return KubernetesSettings(
        namespace=chosen.namespace,
        owner=chosen.owner,
        env={**_services(config, chosen.platform), **chosen.env},
        service_account=chosen.service_account,
        image_pull_policy=chosen.image_pull_policy,
        copilot_image=chosen.copilot_image,
        tolerations=tuple(chosen.tolerations),
        interruptible_tolerations=tuple(chosen.interruptible_tolerations),
        interruptible_node_selector=chosen.interruptible_node_selector,
        gpu_resource=chosen.gpu_resource,
        image_pull_grace=timedelta(seconds=chosen.image_pull_grace),
        create_grace=timedelta(seconds=chosen.create_grace),
        keep_finished=timedelta(seconds=chosen.keep),
        plugins=PluginSettings.from_json(chosen.plugins),
        log_url_prefix=f"http://{config.edge.address}/logs",
        logs_prefix=f"{config.metadata_prefix}/logs",
    )


def _services(config: ServerConfig, platform: str) -> dict[str, str]:
    """Where the control plane's services are, for flytekit and for whatever else speaks S3."""
    objects = config.objects
    return {
        "FLYTE_AWS_ENDPOINT": objects.endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": objects.access_key,
        "FLYTE_AWS_SECRET_ACCESS_KEY": objects.secret_key,
        "AWS_ENDPOINT_URL": objects.endpoint,
        "AWS_ACCESS_KEY_ID": objects.access_key,
        "AWS_SECRET_ACCESS_KEY": objects.secret_key,
        "AWS_DEFAULT_REGION": objects.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "FLYTE_PLATFORM_URL": platform,
        "FLYTE_PLATFORM_INSECURE": "true",
    }


def client(settings: KubernetesConfig) -> Client:
    """Speaks to the API server. Raises ConfigError if it isn't known where that is."""
    from sandbox.executors.kubernetes import connections  # noqa: PLC0415 (of no use on a laptop)
    from sandbox.executors.kubernetes.client import Client  # noqa: PLC0415
    from sandbox.executors.kubernetes.errors import NoConnection  # noqa: PLC0415

    kubeconfig = Path(settings.kubeconfig) if settings.kubeconfig else None
    try:
        return Client(connections.find(kubeconfig, settings.context or None, os.environ))
    except NoConnection as exc:
        raise ConfigError(str(exc)) from exc
