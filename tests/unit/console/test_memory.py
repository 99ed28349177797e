from __future__ import annotations

from google.protobuf.struct_pb2 import Struct

from sandbox.console import memory
from sandbox.console.memory import MemoryUse

MIB = 1024 * 1024


def test_memory_over_the_limit_says_what_a_cluster_would_do() -> None:
    assert MemoryUse(312 * MIB, 200 * MIB).sentence == "used 312 MiB of 200 MiB: a cluster would kill this"


def test_memory_below_the_limit_threatens_nobody() -> None:
    assert MemoryUse(34 * MIB, 200 * MIB).sentence == "used 34 MiB of 200 MiB"
    assert not MemoryUse(34 * MIB, None).is_over


def test_memory_is_read_from_the_closure() -> None:
    info = Struct()
    info.update({"peak_memory_bytes": 312 * MIB, "memory_limit_bytes": 200 * MIB})
    assert memory.from_custom_info(info) == MemoryUse(312 * MIB, 200 * MIB)


def test_a_closure_of_another_plugin_says_nothing_about_memory() -> None:
    info = Struct()
    info.update({"peak_memory_bytes": {"a": 1}})
    assert memory.from_custom_info(info) is None
    assert memory.from_custom_info(Struct()) is None


def test_sizes_are_rounded_for_people() -> None:
    assert [memory.size(n) for n in (0, 1023, 1536, 5 * MIB, 3 * 1024**3)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5 MiB",
        "3 GiB",
    ]
