"""Which task types become custom resources; every other one becomes a pod."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.executors.kubernetes.kinds import Kind
from sandbox.executors.kubernetes.plugins.dask import Dask
from sandbox.executors.kubernetes.plugins.mpi import Mpi
from sandbox.executors.kubernetes.plugins.pytorch import PyTorch
from sandbox.executors.kubernetes.plugins.ray import Ray
from sandbox.executors.kubernetes.plugins.spark import Spark
from sandbox.executors.kubernetes.plugins.tensorflow import TensorFlow

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "dask": Dask(),
        "mpi": Mpi(),
        "pytorch": PyTorch(),
        "ray": Ray(),
        "spark": Spark(),
        "tensorflow": TensorFlow(),
    }
)
"""By task type, as flytekit's plugins name them."""
