"""Settings of custom resources, as values files say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.executors.kubernetes.plugins.settings import PluginSettings, RaySettings, SparkSettings


def test_settings_are_read_by_the_names_that_kubernetes_would_give_them() -> None:
    read = PluginSettings.from_json(
        {
            "operatorGrace": 600,
            "spark": {"historyServer": "http://history", "conf": {"spark.ui.enabled": "true"}},
            "ray": {"serviceType": "ClusterIP", "ttl": 60, "dashboard": False},
        }
    )
    assert read == PluginSettings(
        operator_grace=timedelta(minutes=10),
        spark=SparkSettings(conf={"spark.ui.enabled": "true"}, history_server="http://history"),
        ray=RaySettings(ttl=timedelta(minutes=1), service_type="ClusterIP", dashboard=False),
    )
    assert PluginSettings.from_json({}) == PluginSettings()


@pytest.mark.parametrize("data", [{"sparc": {}}, {"spark": {"history": ""}}, {"operatorGrace": "long"}])
def test_what_makes_no_sense_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        PluginSettings.from_json(data)
