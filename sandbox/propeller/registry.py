"""Which executor runs which task type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.executors.api import Executor


class ExecutorRegistry:
    """Executors by task type; types without one of their own go to the default, as in Flyte."""

    def __init__(self, default: Executor, by_type: Mapping[str, Executor] | None = None) -> None:
        self._default = default
        self._by_type = dict(by_type or {})

    def of(self, task_type: str) -> Executor:
        """The executor for tasks of this type."""
        return self._by_type.get(task_type, self._default)

    def __iter__(self) -> Iterator[Executor]:
        """Each executor once."""
        seen: dict[int, Executor] = {id(self._default): self._default}
        seen.update((id(executor), executor) for executor in self._by_type.values())
        return iter(seen.values())
