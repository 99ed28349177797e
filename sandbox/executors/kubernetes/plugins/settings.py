"""What an administrator sets for the custom resources of plugins; the defaults are Flyte's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

_HUMP = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """How Spark applications are made."""

    conf: Mapping[str, str] = field(default_factory=dict)
    """Spark's configuration for every application; what a task says wins."""
    features: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Spark configurations by name: a task with `spark.flyte.NAME.enabled` set to `true` gets the one."""
    service_account: str = "spark"
    """Of driver and executors where the execution names none: the driver makes the executors' pods."""
    history_server: str = ""
    """Address of Spark's history server, to link to; empty: there is none."""


@dataclass(frozen=True, slots=True)
class RaySettings:
    """How Ray jobs are made."""

    shutdown_after_job: bool = True
    """Whether the cluster goes when its job is over."""
    ttl: timedelta = timedelta(hours=1)
    """How long after that."""
    service_type: str = "NodePort"
    """Kubernetes' type of the head's service."""
    dashboard: bool = True
    dashboard_host: str = "0.0.0.0"
    usage_stats: bool = False
    """Whether Ray may tell its makers how it is used."""
    service_account: str = ""
    """Of every pod, whatever the execution names; empty: what the execution names."""
    ip_address: str = "$MY_POD_IP"
    """What head and workers take for their address; a shell fills in the variable."""


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """How attempts become custom resources."""

    operator_grace: timedelta = timedelta(minutes=5)
    """How long an operator may leave a resource without any status before the attempt fails."""
    spark: SparkSettings = field(default_factory=SparkSettings)
    ray: RaySettings = field(default_factory=RaySettings)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PluginSettings:
        """From settings with names as Kubernetes writes them (`spark.historyServer`); times are seconds.

        Raises TypeError for a name that there is not, and for a time that is no number.
        """
        found = _fields(data, "operator_grace")
        spark, ray = found.pop("spark", {}), found.pop("ray", {})
        return cls(spark=SparkSettings(**_fields(spark)), ray=RaySettings(**_fields(ray, "ttl")), **found)


def _fields(data: Mapping[str, Any], *times: str) -> dict[str, Any]:
    named = {_HUMP.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in data.items()}
    return {name: timedelta(seconds=one) if name in times else one for name, one in named.items()}
