"""What went wrong with a container, in Flyte's terms: which code, whose fault, and whether to try again."""

from __future__ import annotations

from sandbox.executors.api import AttemptError, ErrorKind

_PODS = "or start a sandbox that runs pods (`sandbox start --profile sandbox`)"


def no_docker(image: str, cause: str) -> AttemptError:
    """There is no Docker to run it with."""
    message = (
        f"The task runs in a container of the image {image!r}, and Docker can't be reached: {cause}. Install "
        f"Docker, start it, and see that `docker info` works for the user who starts the sandbox; {_PODS}."
    )
    return AttemptError("DockerUnavailable", message, ErrorKind.USER, recoverable=False)


def docker_lost(cause: str) -> AttemptError:
    """Docker went away while it ran."""
    message = f"Docker went away while the attempt's container was under way, and did not come back: {cause}."
    return AttemptError("DockerUnavailable", message, ErrorKind.SYSTEM, recoverable=True)


def no_image(image: str, cause: str) -> AttemptError:
    """The image is neither here nor in its registry."""
    message = (
        f"The image {image!r} is not on this machine and could not be pulled: {cause}\nBuild it with `docker "
        f"build --tag {image} PATH`: what `sandbox build` makes in the embedded profile are Python "
        "environments, for tasks written in Python."
    )
    return AttemptError("ImagePullBackOff", message, ErrorKind.USER, recoverable=True)


def refused(cause: str) -> AttemptError:
    """Docker can't create such a container."""
    code = "InvalidImageName" if "invalid reference format" in cause else "BadTaskFormat"
    message = f"Docker refuses to create the task's container: {cause}"
    return AttemptError(code, message, ErrorKind.USER, recoverable=False)


def not_started(cause: str) -> AttemptError:
    """The container was created, and its program can't be run."""
    message = f"The task's container can't be started: {cause}"
    return AttemptError("ContainerCannotRun", message, ErrorKind.USER, recoverable=True)


def removed() -> AttemptError:
    """Somebody removed the container."""
    message = "The attempt's container is gone: it was removed from outside, or Docker lost it."
    return AttemptError("ResourceDeletedExternally", message, ErrorKind.SYSTEM, recoverable=True)


def inputs(cause: str) -> AttemptError:
    """An input can't be brought as a file."""
    message = f"The task's inputs can't be brought into its container: {cause}"
    return AttemptError("InputDownloadFailed", message, ErrorKind.USER, recoverable=True)


def store_lost(cause: str) -> AttemptError:
    """The object store did not answer in time."""
    message = f"The object store could not be reached for the task's inputs or outputs: {cause}"
    return AttemptError("ObjectStoreUnavailable", message, ErrorKind.SYSTEM, recoverable=True)


def preparation(cause: str) -> AttemptError:
    """This machine's disk, or a defect of ours."""
    message = f"The task's container could not be prepared: {cause}"
    return AttemptError("TaskPreparationFailed", message, ErrorKind.SYSTEM, recoverable=True)
