"""`sandbox stop` and `sandbox teardown`: the way down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop or a teardown did."""

    name: str
    was_running: bool
    processes: tuple[str, ...]
    """What was ended: component names, and `task …` for what tasks had left."""
    removed: tuple[Path, ...] = ()
    """Teardown only: what was deleted."""
    kept: tuple[Path, ...] = ()
    """Teardown without `volume` only: the data that a later start finds again."""
    seconds: float = 0.0


def stop(name: str, *, timeout: float = 30.0) -> Stopped:
    """End every process of the sandbox, tasks included; all data stays. Raises NotFound; stopped already is no error."""
    raise NotImplementedError


def teardown(name: str, volume: bool = False, *, timeout: float = 30.0) -> Stopped:
    """Stop the sandbox and delete it: processes, ports and files.

    Without `volume` the data (the database and the object store) stays for a later start, as flytectl's teardown
    does it; with it nothing is left. Raises NotFound.
    """
    raise NotImplementedError
