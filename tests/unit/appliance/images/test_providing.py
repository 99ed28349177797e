"""Images come into an engine by the shortest way."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from sandbox.appliance.images import providing
from sandbox.appliance.images.commands import DockerCommand
from sandbox.appliance.images.contexts import Context
from sandbox.appliance.images.providing import DockerFailed, ImageNotBuilt, Printed

CONTEXT = Context("control-plane", "flyte-sandbox/control-plane:1-abc", {"Dockerfile": b"FROM x"})


class Engine:
    """A Docker engine that only knows tags; an image's archive is its tag."""

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.said: list[str] = []
        self.broken = False

    def run(
        self, arguments: Sequence[str], *, stdin: Iterable[bytes] = (), printed: Printed | None = None
    ) -> bytes:
        command, *rest = arguments
        self.said.append(command)
        given = b"".join(stdin)
        if command == "images":
            return b"id\n" if rest[-1] in self.tags else b""
        if command == "build":
            assert given
            if self.broken:
                if printed:
                    printed(b"Step 1\nno space left on device\n")
                raise DockerFailed("exit code 1")
            self.tags.add(next(word.partition("=")[2] for word in rest if word.startswith("--tag=")))
        elif command == "save" and printed:
            printed(rest[-1].encode())
        elif command == "load":
            if given == b"rubbish":
                raise DockerFailed("invalid tar header")
            self.tags.add(given.decode())
        elif command == "tag":
            assert rest[0] in self.tags
            self.tags.add(rest[1])
        return b""


def test_an_image_is_built_once_and_then_loaded_by_other_nodes(tmp_path: Path) -> None:
    first, second = Engine(), Engine()
    assert providing.provide(first, CONTEXT, cache=tmp_path).how == "built"
    assert providing.provide(first, CONTEXT, cache=tmp_path).how == "present"
    assert providing.provide(second, CONTEXT, cache=tmp_path).how == "loaded"
    assert "build" not in second.said
    assert CONTEXT.alias in second.tags


def test_archives_of_older_contents_do_not_pile_up(tmp_path: Path) -> None:
    old = tmp_path / "control-plane-old.tar"
    other = tmp_path / "task-old.tar"
    old.touch()
    other.touch()
    providing.provide(Engine(), CONTEXT, cache=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["control-plane-abc.tar", "task-old.tar"]


def test_an_archive_that_is_broken_is_thrown_away_and_the_image_built(tmp_path: Path) -> None:
    archive = tmp_path / "control-plane-abc.tar"
    archive.write_bytes(b"rubbish")
    assert providing.provide(Engine(), CONTEXT, cache=tmp_path).how == "built"
    assert archive.read_bytes() == CONTEXT.reference.encode()


def test_an_archive_of_another_image_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "control-plane-abc.tar").write_bytes(b"flyte-sandbox/other:1")
    assert providing.provide(Engine(), CONTEXT, cache=tmp_path).how == "built"


def test_a_build_that_fails_is_told_with_the_last_lines(tmp_path: Path) -> None:
    engine = Engine()
    engine.broken = True
    with pytest.raises(ImageNotBuilt, match="no space left on device"):
        providing.provide(engine, CONTEXT, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_can_not_be_written_is_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert providing.provide(Engine(), CONTEXT, cache=file / "below").how == "built"


def test_a_command_gets_its_input_and_gives_its_output() -> None:
    docker = DockerCommand((sys.executable, "-c", "import sys; print(sys.argv[1:], sys.stdin.read())"))
    assert docker.run(["a", "b"], stdin=[b"one ", b"two"]) == b"['a', 'b'] one two\n"
    pieces: list[bytes] = []
    assert docker.run([], printed=pieces.append) == b""
    assert b"".join(pieces) == b"[] \n"


def test_a_command_that_fails_says_what_it_complained_of() -> None:
    script = "import sys; sys.stderr.write('no such image'); sys.exit(3)"
    with pytest.raises(DockerFailed, match="no such image"):
        DockerCommand((sys.executable, "-c", script)).run([], stdin=[b"x" * 10_000_000])


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(DockerFailed, match="can't be run"):
        DockerCommand(("/nowhere/docker",)).run([])
