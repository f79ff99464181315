"""Finding targets, and the directories they write."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from project_support import refreshed_manifest

from bittrue import targets
from bittrue.errors import BadInput, ToolMissing
from bittrue.targets.project import changed_files, read_manifest, write_project

FILES = {"a/b.txt": b"one", "c.bin": bytes(range(256))}


def test_built_in_target_is_found() -> None:
    assert "systolic" in targets.names()
    assert targets.get("systolic").name == "systolic"


def test_unknown_target_lists_those_present() -> None:
    with pytest.raises(BadInput, match="BT5001") as caught:
        targets.get("z80")
    assert "systolic" in caught.value.diagnostics[0].fix


@pytest.mark.parametrize("value", ["bittrue.no_such_module:TARGET", "bittrue.targets:NOTHING", "bittrue.targets:names"])
def test_broken_packages_of_others_are_diagnostics(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = EntryPoint("broken", value, targets.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    assert targets.names() == ("broken",)
    with pytest.raises(ToolMissing, match="BT5002"):
        targets.get("broken")


def test_a_project_is_written_with_its_hashes(tmp_path: Path) -> None:
    manifest = write_project("systolic", FILES.items(), tmp_path / "p")
    assert read_manifest(tmp_path / "p", "systolic") == manifest
    assert list(changed_files(tmp_path / "p", manifest)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    manifest = write_project("systolic", FILES.items(), tmp_path / "p")
    (tmp_path / "p/a/b.txt").write_bytes(b"two")
    (tmp_path / "p/c.bin").unlink()
    problems = list(changed_files(tmp_path / "p", manifest))
    assert [(p.code, p.where) for p in problems] == [("BT5006", str(tmp_path / "p/a/b.txt")),
                                                     ("BT5007", str(tmp_path / "p/c.bin"))]


def test_refreshing_the_manifest(tmp_path: Path) -> None:
    write_project("systolic", FILES.items(), tmp_path / "p")
    (tmp_path / "p/a/b.txt").write_bytes(b"two")
    manifest = refreshed_manifest(tmp_path / "p", "systolic")
    assert manifest == read_manifest(tmp_path / "p", "systolic")
    assert list(changed_files(tmp_path / "p", manifest)) == []


@pytest.mark.parametrize("text", [
    b"", b"[]", b"{}", b"\xff", b'{"format": 1, "target": "systolic", "files": []}', b"[" * 100_000,
    b'{"format": 1, "target": "systolic", "files": {"../x": "0"}}', b'{"format": 1, "target": "systolic", "files": {}}',
])
def test_damaged_manifests_are_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(BadInput, match="BT5005"):
        read_manifest(tmp_path, "systolic")


def test_missing_manifest_and_foreign_target(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="BT5005"):
        read_manifest(tmp_path, "systolic")
    write_project("gap9", FILES.items(), tmp_path / "p")
    with pytest.raises(BadInput, match="BT5008"):
        read_manifest(tmp_path / "p", "systolic")


def test_a_failure_while_writing_leaves_the_old_project(tmp_path: Path) -> None:
    write_project("systolic", FILES.items(), tmp_path / "p")

    def broken() -> Iterator[tuple[str, bytes]]:
        yield "a/b.txt", b"new"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_project("systolic", broken(), tmp_path / "p")
    assert (tmp_path / "p/a/b.txt").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_folder_with_somebody_elses_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BadInput, match="BT5004"):
        write_project("systolic", FILES.items(), tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"
