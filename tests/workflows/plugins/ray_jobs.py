"""A Ray task as the plugin's guide writes it: the plugin has connected to the cluster already."""

import os

import ray
from flytekit import task, workflow
from flytekitplugins.ray import HeadNodeConfig, RayJobConfig, WorkerNodeConfig


@ray.remote
def square(x: int) -> int:
    return x * x


@ray.remote
def process() -> int:
    return os.getpid()


config = RayJobConfig(
    head_node_config=HeadNodeConfig(ray_start_params={"log-color": "True"}),
    worker_node_config=[WorkerNodeConfig(group_name="workers", replicas=2)],
)


@task(task_config=config)
def on_ray(n: int) -> int:
    assert ray.get(process.remote()) != os.getpid()
    return sum(ray.get([square.remote(i) for i in range(n)]))


@workflow
def sum_of_squares(n: int) -> int:
    return on_ray(n=n)
