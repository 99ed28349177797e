"""The config file through which `pyflyte` and `flytectl` find the sandbox, and the context for `kubectl`."""

from __future__ import annotations

from sandbox.appliance import client_config
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.node import kubeconfig

TITLE = "Client config"


def applies(context: BoxedContext) -> bool:
    return context.options.client_config or context.options.kubeconfig


def execute(context: BoxedContext) -> str:
    details = []
    if context.options.client_config:
        written = client_config.write(context.state, context.endpoints)
        for note in written.notes:
            context.note(note)
        details.append(str(written.path) if written.path is not None else "none")
    if context.options.kubeconfig:
        document = kubeconfig.of_node(context.engine, context.running_node())
        if kubeconfig.write(document) is None:
            context.note("HOME is not set: no context was written for kubectl.")
        else:
            details.append(f"kubectl --context {document['current-context']}")
    return ", ".join(details)
