"""Launch a registered version of the diabetes workflow, wait for it, and print what happened.

    python launch.py --version v1

Everything here is flytekit's own ``FlyteRemote``; where the backend is comes from the client configuration
(``FLYTECTL_CONFIG``, or ``~/.flyte/config.yaml``).
"""

import argparse
import datetime
import sys

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

    print()
    print("%-4s %-26s %-10s %-16s %s" % ("NODE", "TASK", "PHASE", "CACHE", "SECONDS"))
    for name, node in sorted(execution.node_executions.items()):
        if name in ("start-node", "end-node"):
            continue
        closure = node.closure
        task = name
        if node.task_executions:
            task = node.task_executions[0].id.task_id.name
        elif node._node is not None and node._node.task_node is not None:
            task = node._node.task_node.reference_id.name
        cache = "-"
        if closure.task_node_metadata is not None:
            cache = CatalogCacheStatus.Name(closure.task_node_metadata.cache_status)
        seconds = closure.duration.total_seconds() if closure.duration else 0.0
        phase = NodeExecutionPhase.enum_to_string(closure.phase)
        print("%-4s %-26s %-10s %-16s %.3f" % (name, task.rsplit(".", 1)[-1], phase, cache, seconds))
    print()

    if execution.closure.phase != WorkflowExecutionPhase.SUCCEEDED:
        print(execution.error.message if execution.error else "The execution did not succeed.", file=sys.stderr)
        return 1
    print("Accuracy  %r" % execution.outputs["accuracy"])
    print("Execution %.3f s" % execution.closure.duration.total_seconds())
    print("Console   %s" % remote.generate_console_url(execution))
    return 0


if __name__ == "__main__":
    sys.exit(main())
