"""What an import may not do is found: values that are missing, twice, in another order, changed files."""

from __future__ import annotations

import pytest

from imports import differences, digests, large_entries, state_volume, stream_volume, write
from support import make_upstream_volume as upstream

WANTED = {"a": [("k", 1), ("l", 2)], "b": [("k", 3)]}


def test_the_same_is_fine():
    assert differences(WANTED, {"a": [1, 2], "b": [3]}) == []


@pytest.mark.parametrize(
    "found",
    [
        {"a": [1, 2]},
        {"a": [1], "b": [3]},
        {"a": [2, 1], "b": [3]},
        {"a": [1, 2, 2], "b": [3]},
        {"a": [1, 4], "b": [3]},
        {"a": [1, 2], "b": [3], "c": [4]},
    ],
)
def test_differences_are_found(found):
    assert len(differences(WANTED, found)) == 1


def test_changed_files_are_found(tmp_path):
    write(WANTED, tmp_path / "volume")
    before = digests(tmp_path / "volume")
    assert sorted(before) == ["a.bin", "b.bin"]
    (tmp_path / "volume" / "LOCK").touch()
    assert digests(tmp_path / "volume") == before
    (tmp_path / "volume" / "a.bin").write_bytes(b"changed")
    assert digests(tmp_path / "volume") != before


def test_the_volumes_take_a_while_and_are_no_others():
    for volume in (state_volume(), stream_volume()):
        assert sum(len(upstream.index_text(entries)) for entries in volume.values()) > 10_000_000
    assert all(name.startswith("stream:") for name in stream_volume())
    assert not any(name.startswith(("stream:", "queue:")) for name in state_volume())
    values = [value["place"] for _, value in large_entries("x")]
    assert len(set(values)) == len(values)
