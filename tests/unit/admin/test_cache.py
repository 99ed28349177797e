"""Registered things kept in memory."""

from __future__ import annotations

from sandbox.admin.cache import EntityCache
from sandbox.idl.identifiers import EntityId


def entity(name: str) -> EntityId:
    return EntityId(1, "p", "d", name, "v1")


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    cache: EntityCache[str] = EntityCache(100)
    for name in ("a", "b"):
        cache.keep(entity(name), name, 40)
    assert cache.find(entity("a")) == "a"
    cache.keep(entity("c"), "c", 40)
    assert [cache.find(entity(name)) for name in "abc"] == ["a", None, "c"]


def test_what_would_push_out_everything_is_not_kept() -> None:
    cache: EntityCache[str] = EntityCache(100)
    cache.keep(entity("small"), "small", 10)
    cache.keep(entity("large"), "large", 51)
    assert cache.find(entity("large")) is None
    assert cache.find(entity("small")) == "small"


def test_a_version_is_kept_once() -> None:
    cache: EntityCache[str] = EntityCache(100)
    for _ in range(10):
        cache.keep(entity("a"), "a", 40)
    cache.keep(entity("b"), "b", 40)
    assert cache.find(entity("a")) == "a"
