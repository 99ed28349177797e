"""Runs a task's command in a process that was forked for it.

flytekit's own entry points run right here, in the interpreter that has them imported already; everything else
is exec'ed. `pyflyte-fast-execute` is understood rather than called: it would unpack into the template's
destination, which on this machine may be somebody's home, and start a second interpreter.
"""

from __future__ import annotations

import os
import sys
import traceback
import typing

from . import arguments, records

_MODULE = "flytekit.bin.entrypoint"
_FAST = "pyflyte-fast-execute"
_ENTRY_POINTS = {"pyflyte-execute": "execute_task_cmd", "pyflyte-map-execute": "map_execute_task_cmd"}
_FAST_OPTIONS = ("--additional-distribution", "--dest-dir")


class FastCommand(typing.NamedTuple):
    """A command line of `pyflyte-fast-execute`, taken apart."""

    distribution: str | None
    destination: str | None
    command: list[str]
    """What is to be run once the code is there."""


def split_fast(argv: list[str]) -> FastCommand | None:
    """Take a fast command apart; `None` for any other command."""
    if not argv or os.path.basename(argv[0]) != _FAST:
        return None
    found: dict[str, str] = {}
    position = 1
    while position < len(argv):
        name, equals, value = argv[position].partition("=")
        if name not in _FAST_OPTIONS:
            break
        if not equals:
            position += 1
            value = argv[position] if position < len(argv) else ""
        found[name] = value
        position += 1
    command = argv[position:]
    if command[:1] == ["--"]:
        command = command[1:]
    distribution = found.get("--additional-distribution")
    destination = found.get("--dest-dir")
    return FastCommand(distribution, destination, _announce(command, distribution, destination))


def commands(entrypoint: typing.Any) -> list[typing.Any]:
    """The click commands in flytekit's module of entry points that are called right here."""
    return [getattr(entrypoint, name) for name in _ENTRY_POINTS.values() if hasattr(entrypoint, name)]


def runs_here(argv: list[str]) -> bool:
    """Whether a command runs in the forked interpreter rather than as another program."""
    fast = split_fast(argv)
    return _is_entry_point(fast.command if fast else argv)


def execute(argv: list[str]) -> int:
    """Run a command to its end and return its exit code, or become it and not return."""
    if _is_entry_point(argv):
        return _call(sys.modules[_MODULE], os.path.basename(argv[0]), argv)
    return _become(argv)


def _is_entry_point(argv: list[str]) -> bool:
    return bool(argv) and os.path.basename(argv[0]) in _ENTRY_POINTS and _MODULE in sys.modules


def _announce(command: list[str], distribution: str | None, destination: str | None) -> list[str]:
    """Tell the command where its code came from: a dynamic task hands that on to the tasks it makes."""
    if distribution is None or "--resolver" not in command:
        return command
    position = command.index("--resolver")
    told = ["--dynamic-addl-distro", distribution, "--dynamic-dest-dir", destination or "."]
    return command[:position] + told + command[position:]


def _call(entrypoint: typing.Any, name: str, argv: list[str]) -> int:
    sys.argv = list(argv)
    command = getattr(entrypoint, _ENTRY_POINTS[name])
    arguments.prepare(command, argv[1:])
    try:
        command.main(args=argv[1:], prog_name=name)
    except SystemExit as exc:
        return _exit_code(exc)
    # The end of the task's process: whatever is raised is what a Python program would die of.
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return (stop.code or 0) & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def _become(argv: list[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, dict(os.environ))
    except OSError as exc:
        print(f"{argv[0]}: {exc.strerror}", file=sys.stderr)
        return records.COMMAND_NOT_FOUND
