"""The secrets of a sandbox, from outside: set, listed and deleted whether it runs or not.

The next attempt that asks for a secret gets what is there then; nothing has to be restarted.
"""

from __future__ import annotations

from sandbox.appliance import found
from sandbox.appliance.errors import ApplianceError, UsageError, command
from sandbox.appliance.state import SandboxState
from sandbox.executors.secrets import SecretName, SecretStore, UnusableSecretError


def put(sandbox: str, name: SecretName, value: bytes, namespace: str | None = None) -> list[str]:
    """Set a secret, in place of its former value. Raises NotFound, UsageError.

    In a container: in one namespace, or in all where tasks run; those where it is now.
    """
    if found.is_boxed(sandbox):
        from sandbox.appliance.boxed import secrets as boxed  # noqa: PLC0415 - brings Docker

        return boxed.put(sandbox, name, value, namespace)
    _refuse(namespace)
    try:
        _store(sandbox).put(name, value)
    except UnusableSecretError as exc:
        raise UsageError(
            f"the secret {describe(name)} was not set", str(exc), "Choose another name, or a smaller value."
        ) from exc
    return []


def names(sandbox: str, namespace: str | None = None) -> list[SecretName]:
    """What is set. Raises NotFound."""
    if found.is_boxed(sandbox):
        from sandbox.appliance.boxed import secrets as boxed  # noqa: PLC0415 - brings Docker

        return boxed.names(sandbox, namespace)
    _refuse(namespace)
    return _store(sandbox).names()


def delete(sandbox: str, name: SecretName, namespace: str | None = None) -> None:
    """Remove a secret. Raises NotFound, ApplianceError if there is none of that name."""
    if found.is_boxed(sandbox):
        from sandbox.appliance.boxed import secrets as boxed  # noqa: PLC0415 - brings Docker

        boxed.delete(sandbox, name, namespace)
        return
    _refuse(namespace)
    if not _store(sandbox).delete(name):
        raise ApplianceError(
            f"there is no secret {describe(name)}",
            "nobody set it in this sandbox, or it was deleted",
            f"Look at what there is with `{command('secret list', sandbox)}`.",
        )


def describe(name: SecretName) -> str:
    """The name for people."""
    return f"{name.key!r} of the group {name.group!r}" if name.group else f"{name.key!r} without a group"


def _refuse(namespace: str | None) -> None:
    if namespace is not None:
        raise UsageError(
            "a project and domain can't be named here",
            "an embedded sandbox gives its secrets to the tasks of all projects",
            "Leave --project and --domain out.",
        )


def _store(sandbox: str) -> SecretStore:
    state = SandboxState.locate(sandbox)
    state.load()
    return SecretStore(state.secrets)
