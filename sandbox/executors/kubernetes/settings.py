"""What the Kubernetes executor is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.executors.kubernetes.plugins.settings import PluginSettings


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """How attempts become pods."""

    namespace: str = "{project}-{domain}"
    """Of an execution's pods; may use the execution's `project` and `domain`."""
    owner: str = "flyte-sandbox"
    """Value of the label `managed-by`: an executor watches only the pods of its own."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Given to every primary container: where the sandbox's services are."""
    service_account: str = "default"
    image_pull_policy: str = "IfNotPresent"
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """Of every pod."""
    interruptible_tolerations: tuple[Mapping[str, Any], ...] = ()
    interruptible_node_selector: Mapping[str, str] = field(default_factory=dict)
    gpu_resource: str = "nvidia.com/gpu"
    gpu_device_label: str = "k8s.amazonaws.com/accelerator"
    gpu_partition_label: str = "k8s.amazonaws.com/gpu-partition-size"
    image_pull_grace: timedelta = timedelta(minutes=3)
    """How long an image may fail to be pulled before the attempt fails."""
    create_grace: timedelta = timedelta(minutes=3)
    """How long a container may fail to be created before the attempt fails."""
    grace: timedelta = timedelta(seconds=30)
    """How long what is aborted may take to end by itself."""
    inject_finalizer: bool = True
    """Whether an attempt's object is kept until its end is committed, whoever deletes it. Without it, an
    object that is deleted while no control plane runs is as if it had never been: the attempt is started
    again."""
    pending_timeout: timedelta | None = None
    """How long a pod may wait for a node before the attempt fails, to be tried anew. None: for ever."""
    create_patience: timedelta = timedelta(minutes=5)
    """How long it is tried to create an object if the API server can't, or its namespace is missing."""
    quota_retry: timedelta = timedelta(seconds=30)
    """A namespace's full quota is tried again ever later, at most so long after the last time; soon after
    something ended there."""
    keep_finished: timedelta = timedelta(hours=1)
    """How long an object is kept for people to look at, once the attempt's end is committed."""
    creators: int = 6
    """How many objects are created at the same time."""
    log_url_prefix: str = ""
    """Where people read logs; empty: updates carry no link."""
    logs_prefix: str = ""
    """Where logs are kept in the object store, a URI; empty: they go with their pods."""
    copilot_image: str = ""
    """Brings inputs to and takes outputs from containers that know nothing of Flyte. Has `python`, `sh` and
    this package."""
    copilot_timeout: timedelta = timedelta(hours=1)
    """How long taking the outputs may last."""
    copilot_resources: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        }
    )
    native_sidecars: bool = False
    """Whether the cluster knows init containers that go on beside the others (from 1.29 on). The executor
    asks the cluster."""
    plugins: PluginSettings = field(default_factory=PluginSettings)
    """Of attempts that are not pods but resources of an operator."""
