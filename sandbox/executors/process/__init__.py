"""The executor of the embedded profile: a warm process per Python environment forks a child per task attempt.

The control plane's half is `executor.ProcessExecutor`; the half that runs inside the task's own environment
is the package `runner`, standard library only, Python 3.8 and newer. They meet in a directory (`attempts`),
which is the truth about what ran, and on a Unix socket, which only makes it quick.
"""

from __future__ import annotations
