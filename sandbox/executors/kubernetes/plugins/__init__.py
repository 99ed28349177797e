"""Attempts as custom resources: the jobs of operators that bring up a cluster for one task.

One module a kind. Each says in `build` what Flyte's plugin of the same name says
(`flyteplugins/go/tasks/plugins/k8s`), and in `verdict` what the status that the operator wrote means.
"""

from __future__ import annotations
