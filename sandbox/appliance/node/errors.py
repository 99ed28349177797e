"""What can go wrong with a node.

```
NodeError                 what failed, the cause, the remedy
├── DockerUnavailable     there is no Docker engine, or it does not answer
├── DockerRefused         the engine does not do what it is asked for
├── ImageUnavailable      an image is not here, and can't be pulled
├── ImageBuildFailed      the node's image could not be made
├── NodeFailed            the container ended, or never became ready
└── CommandFailed         a command inside the node ended with another code than 0
```
"""

from __future__ import annotations

from sandbox.appliance.errors import ApplianceError


class NodeError(ApplianceError):
    """Something about a node failed."""


class DockerUnavailable(NodeError):
    """There is no Docker engine, or it does not answer."""

    @classmethod
    def because(cls, cause: str) -> DockerUnavailable:
        return cls(
            "Docker can't be reached",
            cause,
            "Start Docker, or let your user speak to it (`docker version` must work); `--profile embedded` "
            "needs no Docker.",
        )


class DockerRefused(NodeError):
    """The engine does not do what it is asked for."""


class ImageUnavailable(NodeError):
    """An image is not here, and can't be pulled."""


class ImageBuildFailed(NodeError):
    """The node's image could not be made."""


class NodeFailed(NodeError):
    """The node's container ended, or never became ready."""


class CommandFailed(NodeError):
    """A command inside the node failed."""

    def __init__(self, what: str, cause: str, remedy: str, *, code: int) -> None:
        super().__init__(what, cause, remedy)
        self.code = code
