"""Attempts as Docker containers: tasks of type `raw-container` (flytekit's ContainerTask).

Their images are Docker images, not Python environments. What they read and write travels as files: `copilot`
says which, and they are copied into the container and out of it, so that nothing of this machine is mounted
and nothing is left behind that belongs to another user.

Modules, in import order: `daemon` (alone speaks to Docker), `archives` (tar), `containers` (what to create),
`records` (what survives this process), `life` (one attempt from beginning to end), `executor` (all attempts),
`shutdown` (for `sandbox stop`).
"""

from __future__ import annotations
