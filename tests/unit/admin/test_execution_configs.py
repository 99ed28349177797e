"""Who wins when several say how an execution is run."""

from __future__ import annotations

from flyteidl.admin import execution_pb2, launch_plan_pb2, matchable_resource_pb2
from flyteidl.core import literals_pb2

from sandbox.admin import execution_configs


def spec(**fields: object) -> execution_pb2.ExecutionSpec:
    return execution_pb2.ExecutionSpec(**fields)


def plan(**fields: object) -> launch_plan_pb2.LaunchPlanSpec:
    return launch_plan_pb2.LaunchPlanSpec(**fields)


def test_what_is_said_above_is_kept() -> None:
    upper = spec(
        max_parallelism=3,
        interruptible={"value": False},
        labels={"values": {"a": "upper"}},
        envs={"values": [literals_pb2.KeyValuePair(key="A", value="upper")]},
        raw_output_data_config={"output_location_prefix": "s3://upper"},
        security_context={"run_as": {"k8s_service_account": "upper"}},
    )
    before = spec()
    before.CopyFrom(upper)
    lower = plan(
        max_parallelism=9,
        interruptible={"value": True},
        labels={"values": {"b": "lower"}},
        envs={"values": [literals_pb2.KeyValuePair(key="B", value="lower")]},
        raw_output_data_config={"output_location_prefix": "s3://lower"},
        security_context={"run_as": {"k8s_service_account": "lower"}},
    )
    execution_configs.merge(upper, lower)
    assert upper == before


def test_what_is_left_open_above_is_taken_from_below() -> None:
    upper = spec(
        labels={}, raw_output_data_config={}, security_context={"run_as": {"k8s_service_account": ""}}
    )
    lower = matchable_resource_pb2.WorkflowExecutionConfig(
        max_parallelism=9,
        overwrite_cache=True,
        interruptible={"value": True},
        labels={"values": {"b": "lower"}},
        raw_output_data_config={"output_location_prefix": "s3://lower"},
        security_context={"run_as": {"k8s_service_account": "lower"}},
    )
    execution_configs.merge(upper, lower)
    assert (upper.max_parallelism, upper.overwrite_cache, upper.interruptible.value) == (9, True, True)
    assert dict(upper.labels.values) == {"b": "lower"}
    assert upper.raw_output_data_config.output_location_prefix == "s3://lower"
    assert upper.security_context.run_as.k8s_service_account == "lower"


def test_silence_below_changes_nothing() -> None:
    upper = spec()
    execution_configs.merge(upper, plan(labels={}, annotations={}, envs={}))
    assert upper == spec()


def test_secrets_are_gathered_from_all_levels() -> None:
    upper = spec(security_context={"secrets": [{"group": "a", "key": "k"}]})
    lower = plan(security_context={"secrets": [{"group": "a", "key": "k"}, {"group": "b", "key": "k"}]})
    execution_configs.merge(upper, lower)
    assert [secret.group for secret in upper.security_context.secrets] == ["a", "b"]
