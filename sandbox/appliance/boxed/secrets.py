"""Secrets of a sandbox in a container: Kubernetes' own, in the namespaces where tasks run.

Flyte looks for a task's secret in the namespace of its pod. Without a project and domain, a secret is put
into all of these namespaces that there are, and beside the control plane, from where the cluster-resource
sync gives it to those that are made later. It is put there first: a namespace that comes in between has it
from one or from the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sandbox.appliance.boxed.opened import NAMESPACE, opened
from sandbox.appliance.errors import ApplianceError, UsageError, command
from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.secret_store import KubernetesSecretStore
from sandbox.executors.kubernetes.shared_secrets import SharedSecrets
from sandbox.executors.secrets import SecretName, UnusableSecretError

_TASKS = "app.kubernetes.io/managed-by=flyte-syncresources"
"""What the namespaces of projects and domains are labelled with."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Each(Generic[Result]):
    """What was done everywhere."""

    namespaces: list[str]
    """Of projects and domains."""
    results: list[Result]


def put(sandbox: str, name: SecretName, value: bytes, namespace: str | None) -> list[str]:
    """Set a secret, in place of its former value; the namespaces where it is now.

    Raises NotFound, NotRunning, UsageError.
    """
    try:
        return _each(sandbox, namespace, lambda store: store.put(name, value)).namespaces
    except UnusableSecretError as exc:
        raise UsageError(
            "the secret was not set", str(exc), "Choose another name, or a smaller value."
        ) from exc


def names(sandbox: str, namespace: str | None) -> list[SecretName]:
    """What is set, in any of the namespaces. Raises NotFound, NotRunning."""
    found = _each(sandbox, namespace, lambda store: store.names())
    return sorted({name for several in found.results for name in several})


def delete(sandbox: str, name: SecretName, namespace: str | None) -> None:
    """Remove a secret. Raises NotFound, NotRunning, ApplianceError if there is none of that name."""
    if not any(_each(sandbox, namespace, lambda store: store.delete(name)).results):
        raise ApplianceError(
            f"there is no secret {name.key!r}" + (f" of the group {name.group!r}" if name.group else ""),
            "nobody set it in this sandbox, or it was deleted",
            f"Look at what there is with `{command('secret list', sandbox)}`.",
        )


def _each(
    sandbox: str, namespace: str | None, act: Callable[[KubernetesSecretStore | SharedSecrets], Result]
) -> _Each[Result]:
    with opened(sandbox) as box:
        client = box.cluster().client
        try:
            results = [] if namespace else [act(SharedSecrets(client, NAMESPACE))]
            places = [namespace] if namespace else _namespaces(client)
            results += [act(KubernetesSecretStore(client, place)) for place in places]
            return _Each(places, results)
        except errors.NotFound as exc:
            raise UsageError(
                f"there is no namespace {namespace!r}",
                "its project or domain does not exist",
                "Create the project with `sandbox create project`.",
            ) from exc
        except errors.KubernetesError as exc:
            raise ApplianceError("Kubernetes refused", str(exc), "Look with `sandbox status`.") from exc


def _namespaces(client: Client) -> list[str]:
    pages = client.list("/api/v1/namespaces", {"labelSelector": _TASKS})
    return [str(item["metadata"]["name"]) for page in pages for item in page.get("items") or ()]
