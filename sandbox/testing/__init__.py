"""What users import into their own tests: a sandbox as a pytest fixture, or as a container.

`plugin` is the pytest plugin (installed with the package: the fixtures `flyte_sandbox` and `flyte_remote`),
`containers.SandboxContainer` a container of testcontainers' that is a whole sandbox, `running.FlyteSandbox`
what a test sees of either. Of all rooms only this one uses flytekit, which its users have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.testing.running import FlyteSandbox

if TYPE_CHECKING:
    from sandbox.testing.containers import SandboxContainer

__all__ = ["FlyteSandbox", "SandboxContainer"]


def __getattr__(name: str) -> Any:
    """`SandboxContainer`, for those who have testcontainers."""
    if name == "SandboxContainer":
        from sandbox.testing.containers import SandboxContainer  # noqa: PLC0415 - brings Docker

        return SandboxContainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
