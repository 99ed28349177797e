"""The secrets of a sandbox, from outside: set, listed and deleted whether it runs or not.

The next attempt that asks for a secret gets what is there then; nothing has to be restarted.
"""

from __future__ import annotations

from sandbox.appliance.errors import ApplianceError, UsageError, command
from sandbox.appliance.state import SandboxState
from sandbox.executors.secrets import SecretName, SecretStore, UnusableSecretError


def put(sandbox: str, name: SecretName, value: bytes) -> None:
    """Set a secret, in place of its former value. Raises NotFound, UsageError."""
    try:
        _store(sandbox).put(name, value)
    except UnusableSecretError as exc:
        raise UsageError(
            f"the secret {describe(name)} was not set", str(exc), "Choose another name, or a smaller value."
        ) from exc


def names(sandbox: str) -> list[SecretName]:
    """What is set. Raises NotFound."""
    return _store(sandbox).names()


def delete(sandbox: str, name: SecretName) -> None:
    """Remove a secret. Raises NotFound, ApplianceError if there is none of that name."""
    if not _store(sandbox).delete(name):
        raise ApplianceError(
            f"there is no secret {describe(name)}",
            "nobody set it in this sandbox, or it was deleted",
            f"Look at what there is with `{command('secret list', sandbox)}`.",
        )


def describe(name: SecretName) -> str:
    """The name for people."""
    return f"{name.key!r} of the group {name.group!r}" if name.group else f"{name.key!r} without a group"


def _store(sandbox: str) -> SecretStore:
    state = SandboxState.locate(sandbox)
    state.load()
    return SecretStore(state.secrets)
