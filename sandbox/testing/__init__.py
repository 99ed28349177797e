"""What users import into their own tests: a sandbox as a pytest fixture, or as a container.

`plugin` is the pytest plugin (installed with the package: the fixtures `flyte_sandbox` and `flyte_remote`),
`containers.SandboxContainer` a container of testcontainers' that is a whole sandbox, `running.FlyteSandbox`
what a test sees of either. Of all rooms only this one uses flytekit, which its users have.
"""

from __future__ import annotations

from sandbox.testing.running import FlyteSandbox

__all__ = ["FlyteSandbox"]
