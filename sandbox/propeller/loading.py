"""Loading: from a leased row to an execution in memory, by folding its history over its compiled workflow.

With an execution that recovers another one, that one's state is loaded too.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

from flyteidl.admin import execution_pb2, workflow_pb2

from sandbox.idl import paths
from sandbox.propeller import unfolding
from sandbox.propeller.core import events, graph, machine
from sandbox.propeller.core.state import Parameters, State
from sandbox.propeller.places import Places
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings
from sandbox.propeller.source import Source
from sandbox.store import errors, executions, leases, projections, workflows
from sandbox.store import events as history
from sandbox.store.database import Database
from sandbox.store.leases import Leased
from sandbox.store.objects import ObjectStore

_LOG = logging.getLogger(__name__)
_GRAPHS_KEPT = 64


class Loader:
    """Loads executions; keeps the graphs of the workflows that were used last. Thread-safe."""

    def __init__(self, settings: EngineSettings, database: Database, objects: ObjectStore) -> None:
        self._settings = settings
        self._database = database
        self._objects = objects
        self._graphs: OrderedDict[int, graph.ClosureGraph] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, leased: Leased) -> Running:
        """The execution as its history says. Raises BadGraph, BadEvent, store errors."""
        closure = self._graph(leased.workflow_id)
        with self._database.transaction() as connection:
            payloads = history.load(connection, leased.id)
            known = projections.known_nodes(connection, leased.id) if payloads else {}
        spec = execution_pb2.ExecutionSpec.FromString(leased.spec)
        return Running(
            leased,
            self._fold(leased, closure, spec, payloads),
            self._settings.metadata_prefix,
            spec=spec,
            node_rows=known,
            raw_data=raw_data(self._settings, spec),
            source=self._source(leased),
        )

    def _fold(
        self,
        leased: Leased,
        closure: graph.ClosureGraph,
        spec: execution_pb2.ExecutionSpec,
        payloads: list[bytes],
    ) -> State:
        return machine.fold(
            closure,
            parameters(self._settings, leased, spec),
            map(events.decode, payloads),
            lambda uri: unfolding.load(self._objects, uri),
        )

    def _source(self, leased: Leased) -> Source | None:
        """The execution that this one recovers, if it does and there is anything to be taken from it."""
        if not _recovers(leased) or leased.source_execution_id is None:
            return None
        with self._database.transaction() as connection:
            name = executions.get_by_id(connection, leased.source_execution_id).execution
            source = leases.look_at(connection, name)
            payloads = history.load(connection, source.id)
        if source.workflow_id != leased.workflow_id:
            _LOG.warning("%s recovers nothing: %s ran another workflow", leased.execution, name)
            return None
        spec = execution_pb2.ExecutionSpec.FromString(source.spec)
        try:
            state = self._fold(source, self._graph(source.workflow_id), spec, payloads)
        except (graph.BadGraph, events.BadEvent, errors.ObjectNotFound) as error:
            _LOG.warning("%s recovers nothing of %s: %s", leased.execution, name, error)
            return None
        root = paths.ExecutionPaths.of(self._settings.metadata_prefix, name)
        return Source(name, state, Places(root, state), raw_data(self._settings, spec))

    def _graph(self, workflow_id: int) -> graph.ClosureGraph:
        with self._lock:
            found = self._graphs.get(workflow_id)
            if found is not None:
                self._graphs.move_to_end(workflow_id)
                return found
        with self._database.reading() as connection:
            row = workflows.get_by_id(connection, workflow_id)
        closure = workflow_pb2.WorkflowClosure.FromString(row.closure)
        built = graph.build(closure.compiled_workflow)
        with self._lock:
            self._graphs[workflow_id] = built
            while len(self._graphs) > _GRAPHS_KEPT:
                self._graphs.popitem(last=False)
        return built


def parameters(settings: EngineSettings, leased: Leased, spec: execution_pb2.ExecutionSpec) -> Parameters:
    """What the core is told about an execution: what its request says, else what the engine is set to."""
    return Parameters(
        execution=leased.execution,
        max_parallelism=spec.max_parallelism or settings.max_parallelism,
        interruptible=spec.interruptible.value if spec.HasField("interruptible") else None,
        max_system_failures=settings.max_system_failures,
        retry_delay=int(settings.retry_seconds * 1e6),
        recovers=_recovers(leased),
    )


def raw_data(settings: EngineSettings, spec: execution_pb2.ExecutionSpec) -> str:
    """Where the tasks of an execution put files and tables."""
    return spec.raw_output_data_config.output_location_prefix or settings.raw_data_prefix


def _recovers(leased: Leased) -> bool:
    return bool(leased.mode == execution_pb2.ExecutionMetadata.RECOVERED)
