"""A workflow in an image of its own, as flytekit's `ImageSpec` describes it."""

from __future__ import annotations

import os

from flytekit import ImageSpec, task, workflow

BUILDER = "in-the-sandbox"
REGISTRY = "SANDBOX_TEST_REGISTRY"
"""Variable: `localhost:PORT`. It is not set in the pod, where the image is only named."""
image = ImageSpec(
    name="spiced",
    registry=os.environ.get(REGISTRY, "localhost:30000"),
    base_image=os.environ.get("SANDBOX_TEST_BASE", "none"),
    env={"SPICE": "saffron"},
    builder=BUILDER,
)


@task(container_image=image)
def season(dish: str) -> str:
    print("seasoning", dish)
    return f"{dish} with {os.environ['SPICE']} and {os.environ.get('HERB', 'nothing else')}"


@workflow
def seasoned(dish: str) -> str:
    return season(dish=dish)
