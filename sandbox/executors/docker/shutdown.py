"""Removing a sandbox's containers, for `sandbox stop` and `teardown`: they outlive the control plane."""

from __future__ import annotations

from pathlib import Path

from sandbox.executors.docker import records


def remove_containers(tasks_root: Path) -> list[str]:
    """End and remove every container of the sandbox; their ids. Without Docker there are none left."""
    if not (tasks_root / records.USED).exists():
        return []
    # Late: most sandboxes never ran a container, and docker's package takes 0.2 s to import.
    from sandbox.executors.docker import daemon  # noqa: PLC0415

    try:
        docker = daemon.connect()
        found = docker.labelled(f"{records.LABEL}={records.label_of(tasks_root)}")
        for container in found:
            docker.remove(container)
        docker.close()
    except daemon.DaemonUnavailable:
        return []
    (tasks_root / records.USED).unlink(missing_ok=True)
    return [container[:12] for container in found]
