"""Until everything that was applied is ready."""

from __future__ import annotations

from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.manifests import rollouts

TITLE = "Components"


def execute(context: BoxedContext) -> str:
    if context.manifests is None:
        raise RuntimeError("the manifests' step comes first")
    done = rollouts.wait(
        context.running_cluster(),
        context.manifests.objects(),
        timeout=context.remaining("the components"),
        ready=lambda title, seconds: context.progress.working(f"{title} is ready"),
    )
    last = max(done, key=lambda title: done[title], default="")
    return f"{len(done)} ready, last {last}" if done else "none"
