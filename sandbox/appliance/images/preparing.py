"""The node's image ahead of the first start, for whoever has time now and none then."""

from __future__ import annotations

from sandbox.appliance.node import building, distributions, engine
from sandbox.appliance.progress import Progress, step


def node_image(distribution: str | None, progress: Progress) -> tuple[str, bool]:
    """Have a distribution's image; None: the default one's. Returns its name, and whether it had to be made.

    Raises ApplianceError.
    """
    chosen = distributions.get(distribution or distributions.DEFAULT)
    docker = engine.connect()
    try:
        if building.is_here(docker, chosen):
            return chosen.image, False
        with step(progress, "image", f"Node image, about {chosen.build_minutes} minutes"):
            return chosen.image, building.ensure(docker, chosen, progress.working)
    finally:
        docker.close()
