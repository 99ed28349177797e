"""Launch a registered version of the diabetes workflow, wait for it, and print what happened.

    python launch.py --version v1

Everything here is flytekit's own ``FlyteRemote``; where the backend is comes from the client configuration
(``FLYTECTL_CONFIG``, or ``~/.flyte/config.yaml``).
"""

import argparse
import datetime
import sys
import urllib.request

from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flytekit.configuration import Config
from flytekit.models.core.execution import NodeExecutionPhase, WorkflowExecutionPhase
from flytekit.remote import FlyteRemote

WORKFLOW = "flyte.workflows.example.diabetes_xgboost_model"


def main() -> int:
    """Parse the command line, launch, wait, print; the exit code says whether it succeeded."""
    parser = argparse.ArgumentParser(description="Launch the diabetes workflow and show its tasks.")
    parser.add_argument("--project", default="flyteexamples")
    parser.add_argument("--domain", default="development")
    parser.add_argument("--version", required=True)
    parser.add_argument("--timeout", type=int, default=600, help="seconds to wait for the end")
    arguments = parser.parse_args()

    remote = FlyteRemote(
        Config.auto(), default_project=arguments.project, default_domain=arguments.domain
    )
    launch_plan = remote.fetch_launch_plan(name=WORKFLOW, version=arguments.version)
    execution = remote.execute(launch_plan, inputs={})
    print("Launched %s" % execution.id.name)
    execution = remote.wait(
        execution,
        timeout=datetime.timedelta(seconds=arguments.timeout),
        poll_interval=datetime.timedelta(milliseconds=100),
        sync_nodes=True,
    )

    nodes = [node for node in execution.node_executions.values() if node.closure.task_node_metadata is not None]
    nodes.sort(key=lambda node: node.id.node_id)
    print_tasks(remote, nodes)
    if execution.closure.phase != WorkflowExecutionPhase.SUCCEEDED:
        print(execution.error.message if execution.error else "The execution did not succeed.", file=sys.stderr)
        return 1
    for node in nodes:
        for line in read_log(remote, node):
            print("Log       %s" % line)
    print("Accuracy  %r" % execution.outputs["accuracy"])
    print("Execution %.3f s" % execution.closure.duration.total_seconds())
    print("Console   %s" % remote.generate_console_url(execution))
    return 0


def print_tasks(remote, nodes):
    """One line for each task: how it ended, and whether it was computed or taken from the cache."""
    print()
    print("%-4s %-26s %-10s %-16s %s" % ("NODE", "TASK", "PHASE", "CACHE", "SECONDS"))
    for node in nodes:
        closure = node.closure
        print(
            "%-4s %-26s %-10s %-16s %.3f"
            % (
                node.id.node_id,
                task_name(node),
                NodeExecutionPhase.enum_to_string(closure.phase),
                CatalogCacheStatus.Name(closure.task_node_metadata.cache_status),
                closure.duration.total_seconds() if closure.duration else 0.0,
            )
        )
    print()


def task_name(node):
    """The name of the node's task, without its module."""
    if node.task_executions:
        return node.task_executions[0].id.task_id.name.rsplit(".", 1)[-1]
    return node._node.task_node.reference_id.name.rsplit(".", 1)[-1]


def read_log(remote, node):
    """What the node's task printed, or, for one from the cache, what it printed when it was computed."""
    key = node.closure.task_node_metadata.catalog_key
    source = key.source_task_execution if key is not None else None
    if source is not None and source.node_execution_id.execution_id.name:
        closures = [remote.client.get_task_execution(source).closure]
    else:
        closures = [task.closure for task in node.task_executions]
    for closure in closures:
        for log in closure.logs:
            with urllib.request.urlopen(log.uri, timeout=10) as answer:
                text = answer.read().decode("utf-8", "replace")
            yield from (line for line in text.splitlines() if line.startswith("Accuracy:"))


if __name__ == "__main__":
    sys.exit(main())
