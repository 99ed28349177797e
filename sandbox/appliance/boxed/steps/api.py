"""The Kubernetes API, until the node takes pods."""

from __future__ import annotations

from sandbox.appliance.boxed import cluster as clusters
from sandbox.appliance.boxed import valuing, wishes
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.boxed.wishes import Wish
from sandbox.appliance.manifests.cluster import Cluster
from sandbox.appliance.manifests.errors import ValuesInvalid
from sandbox.appliance.node import kubeconfig, readiness

TITLE = "Kubernetes"


def execute(context: BoxedContext) -> str:
    node = context.running_node()
    limit = min(context.remaining("the Kubernetes API"), readiness.seconds_allowed(node))
    readiness.wait(context.engine, node, lambda: kubeconfig.of_node(context.engine, node), timeout=limit)
    context.cluster = clusters.connect(kubeconfig.of_node(context.engine, node))
    context.wishes = _wishes(context, context.cluster)
    version = context.cluster.ask("GET", "/version")["gitVersion"]
    return f"{version}, port {context.spec.ports.kubernetes}"


def _wishes(context: BoxedContext, cluster: Cluster) -> tuple[Wish, ...]:
    """What earlier starts were told holds, unless this one is told otherwise."""
    before = () if context.options.reset_values else wishes.kept(cluster)
    try:
        valuing.values(context.spec, before, {})
    except ValuesInvalid as exc:
        raise ValuesInvalid(
            f"what an earlier start was told does not hold any more: {exc.what}",
            exc.cause,
            "Start with --reset-values, which forgets it, and say again what is still wanted.",
        ) from exc
    return wishes.together(before, wishes.asked(context.options))
