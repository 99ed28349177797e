"""A Dask task as the plugin's guide writes it: `Client()` finds the cluster."""

from distributed import Client
from flytekit import task, workflow
from flytekitplugins.dask import Dask, WorkerGroup


def square(x: int) -> int:
    return x * x


@task(task_config=Dask(workers=WorkerGroup(number_of_workers=2)))
def on_dask(n: int) -> int:
    with Client() as client:
        print("workers:", len(client.scheduler_info()["workers"]))
        return sum(client.gather(client.map(square, range(n))))


@workflow
def sum_of_squares(n: int) -> int:
    return on_dask(n=n)
