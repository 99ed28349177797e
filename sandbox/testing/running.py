"""A sandbox that runs, as a test sees it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.testing.errors import SandboxUnavailable

if TYPE_CHECKING:
    from flytekit import WorkflowBase
    from flytekit.remote import FlyteRemote, FlyteWorkflowExecution
    from kubernetes.client import ApiClient

_LOOK_EVERY = datetime.timedelta(milliseconds=100)

PROJECT, DOMAIN = "flytesnacks", "development"


@dataclass(frozen=True, slots=True)
class FlyteSandbox:
    """Where a ready sandbox is, and how clients reach it."""

    name: str
    profile: str
    """`embedded`, `demo` or `sandbox`."""
    endpoint: str
    """The admin API, `host:port`, without TLS."""
    console: str
    """The console's URL."""
    object_store: str
    """S3's base URL on this machine."""
    client_config: Path
    """The file that flytekit, pyflyte and flytectl are given as `--config` or `FLYTECTL_CONFIG`."""
    variables: Mapping[str, str]
    """The environment in which any client of Flyte talks to this sandbox."""
    kubeconfig: Path | None = None
    """Of the cluster inside; None in the embedded profile."""
    image: str | None = None
    """An image with flytekit that tasks can run in; None: any name does, tasks run in this environment."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """The environment in which `sandbox` commands find it."""

    def remote(self, project: str = PROJECT, domain: str = DOMAIN) -> FlyteRemote:
        """The SDK's client, configured for this sandbox and nothing else."""
        from flytekit.configuration import Config  # noqa: PLC0415 - half a second; the user's, not ours
        from flytekit.remote import FlyteRemote as Remote  # noqa: PLC0415

        config = Config.auto(str(self.client_config))
        return Remote(config, default_project=project, default_domain=domain)

    def kubernetes(self) -> ApiClient:
        """The Kubernetes library's client of the cluster inside, as its administrator.

        Raises SandboxUnavailable in the embedded profile, which has none.
        """
        from kubernetes.config import new_client_from_config  # noqa: PLC0415 - most tests need none

        if self.kubeconfig is None:
            raise SandboxUnavailable(f"the sandbox {self.name!r} is embedded: it has no Kubernetes")
        connect: Callable[[str], ApiClient] = new_client_from_config  # which says nothing of types
        return connect(str(self.kubeconfig))

    def run(
        self,
        workflow: WorkflowBase,
        inputs: Mapping[str, Any] | None = None,
        *,
        remote: FlyteRemote | None = None,
        timeout: float = 300.0,
    ) -> FlyteWorkflowExecution:
        """Launch a workflow of this process and wait for its end.

        The execution says how it went (`outputs`, `error`). After `timeout` seconds flytekit's FlyteTimeout
        is raised.
        """
        remote = remote or self.remote()
        execution = self.launch(workflow, inputs, remote=remote)
        limit = datetime.timedelta(seconds=timeout)
        return remote.wait(execution, timeout=limit, poll_interval=_LOOK_EVERY)

    def launch(
        self,
        workflow: WorkflowBase,
        inputs: Mapping[str, Any] | None = None,
        *,
        remote: FlyteRemote | None = None,
    ) -> FlyteWorkflowExecution:
        """Register a workflow of this process with its code and begin to run it.

        It goes up as `pyflyte run --remote` sends it: by fast registration, versioned by its content.
        """
        from flytekit.configuration import ImageConfig, SerializationSettings  # noqa: PLC0415 - as above

        remote = remote or self.remote()
        settings = SerializationSettings(
            image_config=ImageConfig.auto(img_name=self.image)
            if self.image
            else ImageConfig.auto_default_image(),
            project=remote.default_project,
            domain=remote.default_domain,
        )
        registered = remote.fast_register_workflow(workflow, settings)
        return remote.execute(registered, inputs=dict(inputs or {}))
