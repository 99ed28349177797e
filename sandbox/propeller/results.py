"""What came of an attempt: the executor says how the process ended, the objects say how the task did.

flytekit exits with 0 after a user's exception: what counts is error.pb, which is read before outputs.pb
(`flyteplugins/go/tasks/pluginmachinery/ioutils/remote_file_output_reader.go`).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from flyteidl.core import catalog_pb2, literals_pb2, tasks_pb2

from sandbox.executors.api import PROCESS_FAILED, AttemptPhase, AttemptUpdate
from sandbox.idl import hashing, paths
from sandbox.propeller import clock, error_documents, literal_store, memoization
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node
from sandbox.propeller.elements import NodeInputs
from sandbox.propeller.literal_store import LiteralStore
from sandbox.propeller.preparing import reservation_owner
from sandbox.propeller.running import Running
from sandbox.store import errors
from sandbox.store.database import Database
from sandbox.store.objects import ObjectStore

_LOG = logging.getLogger(__name__)
_PROCESSES = ("container", "k8s_pod")
"""What a task that runs an SDK has as its target."""
_DISTRIBUTED = ("pytorch",)
"""Task types whose workers write an error file each."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    failure: Failure | None = None
    outputs: literals_pb2.LiteralMap | None = None
    is_dynamic: bool = False


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An attempt ended well with a workflow to run instead of outputs: it is yet to be compiled."""

    finished: events.AttemptFinished


class ResultReader:
    """Turns an executor's last word on an attempt into an event."""

    def __init__(
        self,
        objects: ObjectStore,
        literals: LiteralStore,
        inputs: NodeInputs,
        database: Database,
        max_output_bytes: int,
    ) -> None:
        self._objects = objects
        self._inputs = inputs
        self._literals = literals
        self._database = database
        self._max_output_bytes = max_output_bytes

    def uses_catalog(self, running: Running, node: Node) -> bool:
        """Whether reading the result writes to the catalog."""
        return memoization.is_cacheable(node.template)

    def read(self, running: Running, node: Node, update: AttemptUpdate) -> events.Event | Dynamic:
        """The event, unless it takes a compiler to tell.

        Raises store.errors.Unavailable when it should be tried again.
        """
        at = clock.micros(update.occurred_at)
        logs = tuple((link.name, link.uri) for link in update.logs)
        attempt = update.key.attempt
        if update.phase is AttemptPhase.ABORTED:
            self._release(running, node)
            return events.AttemptAborted(at, node.number, attempt, update.reason, logs)
        template = node.template
        places = running.places.attempt(node, attempt)
        outcome = self._outcome(template, places, update)
        cache, catalog = -1, ""
        if memoization.is_cacheable(template) and not outcome.is_dynamic:
            if outcome.failure is None and outcome.outputs is not None:
                cache, catalog = self._remember(running, node, template, attempt, outcome.outputs)
            self._release(running, node)
        finished = events.AttemptFinished(
            at,
            node.number,
            attempt,
            failure=outcome.failure,
            outputs=outcome.outputs is not None,
            deck=self._has_deck(template, places),
            cache=cache,
            peak_memory=update.peak_memory,
            memory_limit=update.memory_limit,
            reason=update.reason,
            logs=logs,
            catalog=catalog,
            info=packed_info(update),
        )
        return Dynamic(finished) if outcome.is_dynamic else finished

    def conclude(self, running: Running, node: Node, attempt: int) -> events.DynamicConcluded:
        """The event for a dynamic node all of whose nodes succeeded: the end node wrote its outputs.

        Raises store.errors.Unavailable when it should be tried again.
        """
        template = node.template
        outputs = bool(template.interface.outputs.variables)
        cache, catalog = -1, ""
        if memoization.is_cacheable(template):
            literals = self._literals.get(running.places.outputs(node))
            cache, catalog = self._remember(running, node, template, attempt, literals)
            self._release(running, node)
        return events.DynamicConcluded(clock.now(), node.number, attempt, outputs, cache, catalog)

    def _outcome(
        self, template: tasks_pb2.TaskTemplate, places: paths.AttemptPaths, update: AttemptUpdate
    ) -> _Outcome:
        if update.phase is AttemptPhase.FAILED:
            return _Outcome(self._failure(places, update))
        told = error_documents.read(self._objects, places)
        if told is None and template.type in _DISTRIBUTED:
            told = error_documents.read_earliest(self._objects, places)
        if told is not None:
            return _Outcome(told)
        # Before the outputs: those of a dynamic node are written at the same place, by what runs inside.
        if template.WhichOneof("target") in _PROCESSES and self._objects.exists(places.futures):
            return _Outcome(is_dynamic=True)
        return self._outputs(template, places)

    def _failure(self, places: paths.AttemptPaths, update: AttemptUpdate) -> Failure:
        """Why the executor says that the attempt failed.

        A process that ends by itself with another exit code than 0 may have written down why before: some
        plugins make it (`FLYTE_FAIL_ON_ERROR`). That is what the user wants to read.
        """
        if update.error is not None and update.error.code == PROCESS_FAILED:
            told = error_documents.read(self._objects, places)
            told = told or error_documents.read_earliest(self._objects, places)
            if told is not None:
                return told
        return _from_executor(update)

    def _outputs(self, template: tasks_pb2.TaskTemplate, places: paths.AttemptPaths) -> _Outcome:
        try:
            data = self._objects.get(places.outputs)
        except errors.ObjectNotFound:
            return self._without_outputs(template, places)
        if len(data) > self._max_output_bytes:
            text = f"{places.outputs} has {len(data)} bytes, the limit is {self._max_output_bytes}"
            return _Outcome(Failure("OutputSizeExceeded", text, USER))
        try:
            outputs = literal_store.parse(places.outputs, data)
        except literal_store.UnreadableLiterals as error:
            return _Outcome(Failure("OutputsBadFormat", str(error), SYSTEM, recoverable=True))
        self._literals.remember(places.outputs, outputs, len(data))
        return _Outcome(outputs=outputs)

    def _without_outputs(self, template: tasks_pb2.TaskTemplate, places: paths.AttemptPaths) -> _Outcome:
        if not template.interface.outputs.variables:
            return _Outcome()
        text = f"task {template.id.name} ended well, but wrote neither {places.outputs} nor an error"
        return _Outcome(Failure("OutputsNotFound", text, SYSTEM, recoverable=True))

    def _has_deck(self, template: tasks_pb2.TaskTemplate, places: paths.AttemptPaths) -> bool:
        wanted = template.metadata
        if wanted.HasField("generates_deck") and not wanted.generates_deck.value:
            return False
        return template.WhichOneof("target") in _PROCESSES and self._objects.exists(places.deck)

    def _remember(
        self,
        running: Running,
        node: Node,
        template: tasks_pb2.TaskTemplate,
        attempt: int,
        outputs: literals_pb2.LiteralMap,
    ) -> tuple[int, str]:
        """Offer outputs to the catalog; that it refuses them is not the task's failure."""
        overwrite = bool(running.spec.overwrite_cache)
        try:
            key = memoization.key(template, self._inputs.of(running, node))
            source = running.key(node, attempt)
            kept = memoization.record(self._database, key, outputs, source, template, overwrite=overwrite)
        except errors.Unavailable:
            raise
        except (hashing.CacheKeyError, literal_store.UnreadableLiterals, errors.StoreError) as error:
            _LOG.warning("%s: outputs of node %s not cached: %s", running.execution, node.unique_id, error)
            return catalog_pb2.CACHE_PUT_FAILURE, ""
        return catalog_pb2.CACHE_POPULATED, memoization.pack(kept)

    def _release(self, running: Running, node: Node) -> None:
        template = node.template
        if not (memoization.is_cacheable(template) and template.metadata.cache_serializable):
            return
        try:
            key = memoization.key(template, self._inputs.of(running, node))
            memoization.release(self._database, key, reservation_owner(running, node))
        except (hashing.CacheKeyError, errors.NotFound) as error:
            _LOG.warning(
                "%s: reservation of node %s not released: %s", running.execution, node.unique_id, error
            )


def packed_info(update: AttemptUpdate) -> str:
    """What an executor has to say about an attempt, as events carry it."""
    return json.dumps(update.custom_info, sort_keys=True) if update.custom_info else ""


def _from_executor(update: AttemptUpdate) -> Failure:
    error = update.error
    if error is None:
        text = update.reason or "the executor gave no reason"
        return Failure("UnknownError", text, SYSTEM, recoverable=True)
    return Failure(error.code, error_documents.shortened(error.message), error.kind.value, error.recoverable)
