"""Whether the object store answers. Asked where it is reached by S3: a directory has nobody to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.server.ground import Ground

_PROBE = "health/none"
"""No object of this name needs to exist: that there is none is an answer."""


def asks(ground: Ground) -> Mapping[str, Callable[[], None]]:
    """For `Role.asks`."""
    if ground.config.objects.directory is not None:
        return {}
    uri = f"s3://{ground.config.objects.bucket}/{_PROBE}"

    def ask() -> None:
        ground.objects.exists(uri)

    return {"object store": ask}
