"""The runner: a single-threaded process that has imported flytekit and forks a child per task attempt.

It runs inside the *task's* Python environment (3.8 and newer, standard library only, started as
`python <this directory> <its own directory>`), not inside the control plane; the control plane imports only
`records` and `protocol` from here. It outlives the control plane and keeps every result on disk.
"""

from __future__ import annotations
