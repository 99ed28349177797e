"""Run by the tests in a Python that has flytekit: does one thing with the real client, prints JSON."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from flytekit.configuration import Config, DataConfig, PlatformConfig, S3Config
from flytekit.core.artifact import Artifact  # noqa: F401  (loads the client's optional parts too)
from flytekit.remote import FlyteRemote

PROJECT, DOMAIN = "flytesnacks", "development"


def remote(target, s3):
    config = Config(
        platform=PlatformConfig(endpoint=target, insecure=True),
        data_config=DataConfig(
            s3=S3Config(endpoint=s3, access_key_id="minio", secret_access_key="miniostorage")
        ),
    )
    return FlyteRemote(config, default_project=PROJECT, default_domain=DOMAIN)


def run(client, name):
    """Fetch what was registered and execute it, as a notebook would."""
    workflow = client.fetch_workflow(name="basics.hello")
    plan = client.fetch_launch_plan(name="basics.hello")
    task = client.fetch_task(name="basics.say_hello")
    execution = client.execute(workflow, inputs={"name": "Ada"}, execution_name=name, version=plan.id.version)
    lone = client.execute(task, inputs={"name": "Bob"}, execution_name=f"{name}-task")
    recent = client.recent_executions(limit=10)
    return {
        "version": workflow.id.version,
        "inputs": sorted(workflow.interface.inputs),
        "nodes": [node.id for node in workflow.flyte_nodes],
        "execution": execution.id.name,
        "lone": lone.id.name,
        "recent": sorted(each.id.name for each in recent),
        "url": client.generate_console_url(execution),
        "active": client.fetch_active_launchplan(name="basics.hello").id.name,
        "domains": [domain.id for domain in client.get_domains()],
        "projects": sorted(project.id for project in client.list_projects()),
    }


def finish(client, name):
    """Wait for an execution that is over, look at all of it."""
    execution = client.fetch_execution(name=name)
    done = client.wait(execution, timeout=timedelta(seconds=20))
    node = done.node_executions["n0"]
    return {
        "phase": done.closure.phase,
        "outputs": done.outputs.get("o0", str),
        "inputs": done.inputs.get("name", str),
        "nodes": sorted(done.node_executions),
        "attempts": [each.id.retry_attempt for each in node.task_executions],
        "node_outputs": node.outputs.get("o0", str),
        "by_url": client.get(f"flyte://v1/{PROJECT}/{DOMAIN}/{name}/n0/o").get("o0", str),
    }


def fail(client, name):
    """Errors arrive as flytekit's own, and are not retried."""
    caught = {}
    for what, call in {
        "missing": lambda: client.fetch_task(name="nothing", version="v1"),
        "wrong": lambda: client.execute(
            client.fetch_launch_plan(name="basics.hello"), inputs={"nobody": "x"}
        ),
        "terminated": lambda: client.terminate(client.fetch_execution(name=name), cause="late"),
    }.items():
        try:
            call()
        except Exception as error:
            caught[what] = f"{type(error).__name__}: {error}"
    return caught


if __name__ == "__main__":
    action, target, s3, name = sys.argv[1:]
    answer = {"run": run, "finish": finish, "fail": fail}[action](remote(target, s3), name)
    print("ANSWER " + json.dumps(answer))
