"""What a connector's failure means to Flyte: which error, whose fault, and whether to try again.

A call that raised inside of the connector is a retryable failure of the task, as in Flyte
(`flyteplugins/go/tasks/pluginmachinery/internal/webapi/launcher.go`); a connector that cannot be reached is
the system's; what it refuses for good is not tried again.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.executors.agent import errors
from sandbox.executors.api import AttemptError, ErrorKind

FAILED = "TaskFailedWithError"
"""Flyte's code for a failure that a connector reported without a code of its own."""
_START_ONE = (
    "Start the sandbox with `--connector`, which runs the source environment's own `pyflyte serve connector` "
    "(`--connector MODULE` for connectors of your project), or name one that runs elsewhere with "
    "`--connector-endpoint HOST:PORT`."
)


def of_call(error: errors.ConnectorError, doing: str) -> AttemptError:
    """A call failed: `doing` says what was asked, as in "create the task"."""
    match error:
        case errors.Unreachable():
            return unavailable(error.endpoint, error.said)
        case errors.Refused():
            message = f"The connector at {error.endpoint} refused to {doing} ({error.code}): {error.said}"
            return AttemptError("ConnectorRefused", message, ErrorKind.USER, recoverable=False)
        case _:
            message = f"The connector at {error.endpoint} failed to {doing}: {error.said}"
            return AttemptError(FAILED, message, ErrorKind.USER, recoverable=True)


def unavailable(endpoint: str, said: str) -> AttemptError:
    """The connector does not answer."""
    return AttemptError(
        "ConnectorUnavailable",
        f"The connector at {endpoint} does not answer: {said}. `sandbox status` tells how it is.",
        ErrorKind.SYSTEM,
        recoverable=True,
    )


def lost() -> AttemptError:
    """The control plane died while the connector was being asked, so nobody knows its answer."""
    return AttemptError(
        "ConnectorAnswerLost",
        "The control plane was ended while it waited for the connector's answer. What the connector may have "
        "begun for this attempt is not known.",
        ErrorKind.SYSTEM,
        recoverable=True,
    )


def unserved(task_type: str, version: int, served: str) -> AttemptError:
    """Only a connector could run the task, and none does. `served`: what the known ones do serve."""
    wanted = f"{task_type!r}" + (f" in version {version}" if version else "")
    return AttemptError(
        "NoConnector",
        f"A task of type {wanted} has neither a container nor a pod: only a connector can run it, and no "
        f"connector serves that type ({served}). {_START_ONE}",
        ErrorKind.USER,
        recoverable=False,
    )


def unrenderable(message: str) -> AttemptError:
    """The command's templates cannot be filled."""
    text = f"The task's command cannot be filled: {message}."
    return AttemptError("BadTaskFormat", text, ErrorKind.USER, recoverable=False)


def timed_out(timeout: timedelta) -> AttemptError:
    """The attempt had a timeout."""
    text = f"The attempt did not end within its timeout of {timeout} and was ended."
    return AttemptError("TimeoutExpired", text, ErrorKind.USER, recoverable=True)


def incomplete(missing: list[str]) -> AttemptError:
    """It succeeded without some of its outputs."""
    text = f"The connector reported success without the declared outputs {', '.join(missing)}."
    return AttemptError("OutputsNotFound", text, ErrorKind.USER, recoverable=False)


def stumbled(error: Exception) -> AttemptError:
    """Something of ours did not work, again and again."""
    text = (
        f"The attempt could not be followed: {type(error).__name__}: {error}. "
        "The control plane's log has more."
    )
    return AttemptError("ConnectorExecutorError", text, ErrorKind.SYSTEM, recoverable=True)
