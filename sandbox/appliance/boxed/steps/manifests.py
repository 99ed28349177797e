"""What runs in the cluster: rendered for this sandbox, and applied."""

from __future__ import annotations

from collections import Counter

from sandbox.appliance.boxed import valuing, wishes
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.manifests import applying, discovery, rendering
from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests.applying import Action

TITLE = "Manifests"


def execute(context: BoxedContext) -> str:
    cluster = context.running_cluster()
    context.values = valuing.values(context.spec, context.wishes, context.images)
    context.manifests = rendering.render(context.values, discovery.of(clusters.group_versions(cluster)))
    objects = context.manifests.objects()
    changes = applying.apply(cluster, objects)
    changes += applying.prune(cluster, objects, context.values.namespace)
    wishes.keep(cluster, context.wishes)
    done = Counter(change.action for change in changes)
    return ", ".join(f"{done[action]} {action.value}" for action in Action if done[action])
