"""A cluster as the board sees it: an API server that keeps objects, and a kubelet that runs them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.executors.api import AttemptUpdate, TaskRequest
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.board import Board
from sandbox.executors.kubernetes.kinds import Pod
from sandbox.executors.kubernetes.records import Done, Job, Later, Made, Order, Outcome
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey

POD = Pod()


@dataclass
class World:
    """Objects by name, what the watch has yet to tell, and an engine that commits ends."""

    settings: KubernetesSettings
    now: datetime
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    sights: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    wanted: dict[AttemptKey, TaskRequest] = field(default_factory=dict)
    aborting: set[AttemptKey] = field(default_factory=set)
    ends: dict[AttemptKey, AttemptUpdate] = field(default_factory=dict)
    told: list[AttemptUpdate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = Board(self.settings, (POD,), lambda _: POD)
        self.list()

    # The engine

    def start(self, request: TaskRequest) -> None:
        self.wanted[request.key] = request
        self.board.start(request, self.now)
        self.take()

    def abort(self, key: AttemptKey) -> None:
        if key not in self.ends:
            self.aborting.add(key)
            self.board.abort(key, "enough", self.now)
            self.take()

    def crash(self) -> None:
        """All but the cluster and what is committed is lost."""
        self.sights, self.orders = [], []
        self.board = Board(self.settings, (POD,), lambda _: POD)
        for key, request in self.wanted.items():
            if key in self.ends:
                continue
            if key in self.aborting:
                self.board.abort(key, "enough", self.now)
            else:
                self.board.start(request, self.now)
        self.take()
        self.list()
        for key in self.board.remembered():
            if key in self.ends:
                self.board.abort(key, "its execution is over", self.now)
                self.board.forget(key, self.now)
        self.take()

    def take(self) -> None:
        orders, updates = self.board.take()
        self.orders += orders
        for update in updates:
            self.told.append(update)
            if update.phase.is_terminal and update.key not in self.ends:
                self.ends[update.key] = update
                self.board.forget(update.key, self.now)
        if updates:
            self.take()

    # The watch

    def list(self) -> None:
        self.board.listing(POD)
        for pod in self.pods.values():
            self.board.saw(POD, copy.deepcopy(pod), self.now)
        keys = {ownership.key_of(pod) for pod in self.pods.values()}
        self.board.listed(POD, {key for key in keys if key is not None}, self.now)
        self.take()

    def see(self) -> None:
        if self.sights:
            word, pod = self.sights.pop(0)
            if word == "gone":
                self.board.vanished(POD, pod, self.now)
            else:
                self.board.saw(POD, pod, self.now)
            self.take()

    # The API server

    def changed(self, name: str) -> None:
        pod = self.pods[name]
        metadata = pod["metadata"]
        over = pod["status"]["phase"] in ("Succeeded", "Failed") or pod["status"]["phase"] == "Pending"
        if metadata.get("deletionTimestamp") and over and not metadata.get("finalizers"):
            del self.pods[name]
            self.sights.append(("gone", copy.deepcopy(pod)))
        else:
            self.sights.append(("there", copy.deepcopy(pod)))

    def delete(self, name: str) -> None:
        if name in self.pods:
            self.pods[name]["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
            self.changed(name)

    def work(self, place: int, fortune: str) -> None:
        """Do one job: `good`, `lost` (done, but nobody hears of it), or `busy`."""
        if not self.orders:
            return
        order = self.orders.pop(place % len(self.orders))
        outcome: Outcome = Later("busy")
        if fortune != "busy":
            outcome = self._do(order)
        if fortune == "lost":
            outcome = Later("lost", doubtful=True)
        self.board.finished(order, outcome, self.now)
        self.take()

    def _do(self, order: Order) -> Outcome:
        if order.job is Job.CREATE:
            assert order.request is not None
            body = POD.build(order.request, self.settings)
            name = body["metadata"]["name"]
            if name not in self.pods:
                self.created.append(name)
                self.pods[name] = {"metadata": body["metadata"], "spec": {}, "status": {"phase": "Pending"}}
                self.changed(name)
            return Made(copy.deepcopy(self.pods[name]))
        assert order.found is not None
        name = order.found["metadata"]["name"]
        if name not in self.pods:
            return Done()
        if order.job is Job.DELETE:
            self.delete(name)
            return Done(copy.deepcopy(self.pods.get(name)))
        if order.job is Job.RELEASE:
            metadata = self.pods[name]["metadata"]
            metadata["annotations"][ownership.RELEASED] = self.now.isoformat()
            metadata["finalizers"] = []
            self.changed(name)
        return Done()

    # The kubelet

    def run(self, name: str, code: int) -> None:
        """One step of a pod's life."""
        pod = self.pods.get(name)
        if pod is None:
            return
        status = pod["status"]
        if status["phase"] == "Pending" and not pod["metadata"].get("deletionTimestamp"):
            status["phase"] = "Running"
            status["containerStatuses"] = [{"name": name, "state": {"running": {}}}]
        elif status["phase"] == "Running":
            status["phase"] = "Failed" if code else "Succeeded"
            ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
            status["containerStatuses"] = [{"name": name, "state": ended}]
        else:
            return
        self.changed(name)

    def settle(self) -> None:
        """Let everything happen, in order, until nothing does."""
        for _ in range(200):
            self.now += timedelta(seconds=20)
            self.board.due(self.now)
            self.take()
            while self.orders:
                self.work(0, "good")
            for name in list(self.pods):
                self.run(name, 0)
            while self.sights:
                self.see()
            if not self.pods and not self.orders and set(self.ends) == set(self.wanted):
                return
        raise AssertionError(f"it never settles: {self.pods}, {self.orders}")
