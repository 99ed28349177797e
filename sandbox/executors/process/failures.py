"""What an ended process means to Flyte: which phase, which error, whose fault, and whether to try again.

The rules are those of Flyte's pod plugin (`flyteplugins/go/tasks/pluginmachinery/flytek8s/pod_helper.go`): a
non-zero exit is the user's and may be retried, a kill from outside is the system's, running out of memory is
the user's and may be retried.
"""

from __future__ import annotations

import signal
from datetime import timedelta

from sandbox.executors import quantities
from sandbox.executors.api import PROCESS_FAILED, AttemptError, AttemptPhase, ErrorKind
from sandbox.executors.process.runner import records

_KILLED_EXITS = (137, 247)
"""What a shell and a Python parent make of SIGKILL."""


def phase_of(result: records.Result) -> AttemptPhase:
    """The terminal phase of an attempt that ended so."""
    if result.outcome == "aborted":
        return AttemptPhase.ABORTED
    succeeded = result.outcome == "exited" and result.exit_code == 0
    return AttemptPhase.SUCCEEDED if succeeded else AttemptPhase.FAILED


def error_of(
    result: records.Result, *, memory_limit: int | None, timeout: timedelta | None, log_tail: str
) -> AttemptError | None:
    """Why the attempt failed; `None` if it did not."""
    if phase_of(result) is not AttemptPhase.FAILED:
        return None
    match result.outcome:
        case "timeout":
            return _timed_out(timeout)
        case "memory":
            return _out_of_memory(result, memory_limit)
        case "lost":
            return runner_lost()
        case _:
            return _exited(result, log_tail)


def runner_lost() -> AttemptError:
    """The process that watched over the attempt died, and the attempt with it."""
    return AttemptError(
        "RunnerLost",
        "The attempt's process was lost: the runner of its Python environment was ended while it ran.",
        ErrorKind.SYSTEM,
        recoverable=True,
    )


def runner_unavailable(python: str, said: str) -> AttemptError:
    """The runner cannot be started."""
    return AttemptError(
        "RunnerUnavailable",
        f"The runner of {python} does not start. Its last words:\n{said or '(none)'}",
        ErrorKind.SYSTEM,
        recoverable=True,
    )


def unrunnable(message: str) -> AttemptError:
    """The task can never run here."""
    return AttemptError("BadTaskFormat", message, ErrorKind.USER, recoverable=False)


def no_environment(message: str) -> AttemptError:
    """There is no Python to run the task's image with."""
    return AttemptError("NoEnvironment", message, ErrorKind.USER, recoverable=False)


def missing_secret(message: str) -> AttemptError:
    """A secret that the task asks for does not exist, or can't be given to it."""
    return AttemptError("MissingSecret", message, ErrorKind.USER, recoverable=False)


def _timed_out(timeout: timedelta | None) -> AttemptError:
    after = f" of {timeout}" if timeout is not None else ""
    return AttemptError(
        "TimeoutExpired",
        f"The attempt did not end within its timeout{after} and was ended.",
        ErrorKind.USER,
        recoverable=True,
    )


def _out_of_memory(result: records.Result, limit: int | None) -> AttemptError:
    """In the words that Flyte uses for a pod whose container was killed so."""
    message = f"terminated with exit code ({_KILLED_EXITS[0]}). Reason [OOMKilled]."
    if result.peak_memory and limit:
        used, of = quantities.for_people(result.peak_memory), quantities.for_people(limit)
        message = f"{message} Message: \nused {used} of {of}."
    return AttemptError("OOMKilled", message, ErrorKind.USER, recoverable=True)


def _exited(result: records.Result, log_tail: str) -> AttemptError:
    said = f" Its last words:\n{log_tail}" if log_tail else ""
    if result.signal == signal.SIGKILL or result.exit_code in _KILLED_EXITS:
        return AttemptError(
            "Interrupted", f"The attempt's process was killed.{said}", ErrorKind.SYSTEM, recoverable=True
        )
    if result.signal is not None:
        name = signal.Signals(result.signal).name
        message = f"The attempt's process was ended by {name}.{said}"
    elif result.exit_code == records.COMMAND_NOT_FOUND:
        message = f"The task's program was not found in its environment (exit code 127).{said}"
    elif result.exit_code == records.CANNOT_PREPARE:
        return AttemptError("TaskPreparationFailed", log_tail, ErrorKind.SYSTEM, recoverable=True)
    else:
        message = f"The attempt's process ended with exit code {result.exit_code}.{said}"
    return AttemptError(PROCESS_FAILED, message, ErrorKind.USER, recoverable=True)
