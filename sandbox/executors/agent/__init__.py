"""Connectors: tasks that a service elsewhere carries out, spoken to through Flyte's agent protocol.

A connector is a gRPC server, as `pyflyte serve connector` runs one. It tells which task types it serves
(`directory`); a task of such a type is created there, asked about ever more rarely, and deleted if it has to
end early (`driver`), or carried out within one call. What a connector answered is noted before anything else
happens (`notes`), so that a restarted control plane goes on with it.
"""

from __future__ import annotations
