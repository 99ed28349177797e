"""Where things lie in the object store.

Everything of one execution is under `<metadata prefix>/propeller/<project>-<domain>-<execution>/`:

    start-node/data/0/outputs.pb        the workflow's inputs
    end-node/data/0/outputs.pb          the workflow's outputs
    n0/data/inputs.pb                   a node's inputs
    n0/data/0/outputs.pb                what attempt 0 wrote; beside it error.pb, futures.pb, deck.html
    n0/data/0/n1/inputs.pb              a node inside attempt 0 of n0: subworkflow, branch, dynamic
    n0/data/0/n1/0/outputs.pb
    n0/data/0/7/0/outputs.pb            attempt 0 of element 7 of an array node

Tasks find these places through their command line and flytekit writes into them, so the layout is Flyte's
(`flytepropeller/pkg/apis/flyteworkflow/v1alpha1`, `pkg/controller/nodes`). URIs have no trailing slash.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.idl import names
from sandbox.idl.identifiers import ExecutionId, NodeId

START_NODE = NodeId("start-node")
END_NODE = NodeId("end-node")

_SHARD_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class AttemptPaths:
    """What one attempt of a node writes, and where the nodes inside of it lie."""

    prefix: str
    """The attempt's folder, `{{.outputPrefix}}`."""

    @property
    def outputs(self) -> str:
        return f"{self.prefix}/outputs.pb"

    @property
    def error(self) -> str:
        return f"{self.prefix}/error.pb"

    @property
    def futures(self) -> str:
        """What a dynamic task wants to be run: a `core.DynamicJobSpec`."""
        return f"{self.prefix}/futures.pb"

    @property
    def compiled_futures(self) -> str:
        """The dynamic workflow that the engine compiled from `futures`."""
        return f"{self.prefix}/futures_compiled.pb"

    @property
    def compiled_dynamic(self) -> str:
        """The compiled closure of the dynamic workflow."""
        return f"{self.prefix}/dynamic_compiled.pb"

    @property
    def deck(self) -> str:
        return f"{self.prefix}/deck.html"

    def child(self, node: NodeId) -> NodePaths:
        """A node of the subworkflow, branch or dynamic workflow that this attempt is."""
        return NodePaths(f"{self.prefix}/{node}")

    def element(self, index: int) -> NodePaths:
        """An element of the array node that this attempt is of."""
        return NodePaths(f"{self.prefix}/{index}")


@dataclass(frozen=True, slots=True)
class NodePaths:
    """A node's inputs and its attempts."""

    data_dir: str

    @property
    def inputs(self) -> str:
        return f"{self.data_dir}/inputs.pb"

    @property
    def task_template(self) -> str:
        """Where the task's template goes when its command asks for `{{.taskTemplatePath}}`."""
        return f"{self.data_dir}/task.pb"

    def attempt(self, attempt: int) -> AttemptPaths:
        return AttemptPaths(f"{self.data_dir}/{attempt}")


@dataclass(frozen=True, slots=True)
class ExecutionPaths:
    """The folder of one execution, as the engine lays it out."""

    root: str

    @classmethod
    def of(cls, metadata_prefix: str, execution: ExecutionId) -> ExecutionPaths:
        """`metadata_prefix` is the platform's, e.g. `s3://my-s3-bucket/metadata`."""
        folder = f"{execution.project}-{execution.domain}-{execution.name}"
        return cls(f"{metadata_prefix.rstrip('/')}/propeller/{folder}")

    def node(self, node: NodeId) -> NodePaths:
        """A node at the top level; those below are children of their parent's attempt."""
        return NodePaths(f"{self.root}/{node}/data")

    @property
    def workflow_inputs(self) -> str:
        return self.node(START_NODE).attempt(0).outputs

    @property
    def workflow_outputs(self) -> str:
        return self.node(END_NODE).attempt(0).outputs


@dataclass(frozen=True, slots=True)
class RequestPaths:
    """Where admin keeps the inputs that an execution was created with."""

    root: str

    @classmethod
    def of(cls, metadata_prefix: str, execution: ExecutionId) -> RequestPaths:
        folder = f"{execution.project}/{execution.domain}/{execution.name}"
        return cls(f"{metadata_prefix.rstrip('/')}/{folder}")

    @property
    def inputs(self) -> str:
        """Resolved: with the launch plan's fixed and default inputs."""
        return f"{self.root}/inputs"

    @property
    def user_inputs(self) -> str:
        """As the user gave them."""
        return f"{self.root}/user_inputs"


def shard(unique_name: str) -> str:
    """One of 1,296 two-character folders, so that no folder of raw data gets all of the load."""
    index = names.fnv32a(unique_name.encode()) % len(_SHARD_ALPHABET) ** 2
    first, second = divmod(index, len(_SHARD_ALPHABET))
    return _SHARD_ALPHABET[first] + _SHARD_ALPHABET[second]


def raw_output_prefix(raw_data_prefix: str, unique_name: str) -> str:
    """Where an attempt puts files and tables; `unique_name` is `names.unique_task_name`."""
    return f"{raw_data_prefix.rstrip('/')}/{shard(unique_name)}/{unique_name}"


def checkpoint_prefix(raw_output_prefix: str) -> str:
    """Where an attempt with this raw output prefix keeps its checkpoints for the next one."""
    return f"{raw_output_prefix}/_flytecheckpoints"
