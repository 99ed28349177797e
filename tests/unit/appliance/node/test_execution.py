"""Docker's frames of output."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from sandbox.appliance.node import execution


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.integers(1, 20))
def test_frames_are_whole_however_they_arrive(sent: list[tuple[int, bytes]], size: int) -> None:
    wire = b"".join(struct.pack(">BxxxL", kind, len(data)) + data for kind, data in sent)
    buffer, seen = bytearray(), []
    for start in range(0, len(wire), size):
        buffer.extend(wire[start : start + size])
        seen += list(execution.frames(buffer))
    assert seen == sent
    assert not buffer
