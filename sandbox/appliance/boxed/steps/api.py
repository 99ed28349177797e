"""The Kubernetes API, until the node takes pods."""

from __future__ import annotations

from sandbox.appliance.boxed import cluster as clusters
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.node import kubeconfig, readiness

TITLE = "Kubernetes"


def execute(context: BoxedContext) -> str:
    node = context.running_node()
    limit = min(context.remaining("the Kubernetes API"), readiness.seconds_allowed(node))
    readiness.wait(context.engine, node, lambda: kubeconfig.of_node(context.engine, node), timeout=limit)
    context.cluster = clusters.connect(kubeconfig.of_node(context.engine, node))
    version = context.cluster.ask("GET", "/version")["gitVersion"]
    return f"{version}, port {context.spec.ports.kubernetes}"
