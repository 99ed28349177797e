"""What is known on disk about attempts in containers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from sandbox.executors.docker import records


def test_attempts_that_begin_together_are_all_noted(tmp_path: Path) -> None:
    """The first containers of a sandbox share a note, which each of their threads finds missing."""
    together = Barrier(8)

    def begin(root: Path, number: int) -> str | None:
        directory = root / str(number)
        together.wait(10)
        records.begin(root, directory, f"c{number}")
        return records.known_name(directory)

    for round_ in range(20):
        root = tmp_path / str(round_)
        root.mkdir()
        with ThreadPoolExecutor(8) as pool:
            names = list(pool.map(begin, [root] * 8, range(8)))
        assert names == [f"c{number}" for number in range(8)]
