"""A backup is whole or it is not there; what became of it later is seen."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.backups import FORM, LABEL, back_up, restore, verify
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores import postgres
from launcher.trees import copy_steady


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A platform that is down, with something in every store."""
    found = Instance(23_900, tmp_path / "checkout")
    found.make_directories()
    installation = postgres.Installation(found.data, tmp_path, None)
    monkeypatch.setattr(postgres, "installation", lambda _: installation)
    for name in ("kafka", "redis", "mongod", "postgres"):
        (found.data / name / "inner").mkdir(parents=True)
        (found.data / name / "inner" / "file").write_bytes(name.encode() * 1000)
    return found


def test_a_backup_that_is_as_it_was_made_is_whole(instance: Instance, tmp_path: Path) -> None:
    back_up(instance, tmp_path / "backup")
    assert verify(tmp_path / "backup") == json.loads((tmp_path / "backup" / LABEL).read_text())["made_at"]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def change(file: Path) -> None:
    file.write_bytes(b"X" + file.read_bytes()[1:])


@pytest.mark.parametrize(
    ("damage", "complaint"), [(Path.unlink, "is missing"), (cut, "bytes"), (change, "was changed")]
)
def test_what_was_damaged_is_named(
    instance: Instance, tmp_path: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    back_up(instance, tmp_path / "backup")
    damage(tmp_path / "backup" / "mongod" / "inner" / "file")
    with pytest.raises(LauncherError, match=f"mongod/inner/file .*{complaint}"):
        verify(tmp_path / "backup")


def test_pictures_are_part_of_it_and_come_back(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when a restored catalogue shows pictures that are gone, or keeps those of afterwards."""
    (instance.media / "products").mkdir()
    picture = instance.media / "products" / "a-800.webp"
    picture.write_bytes(b"a picture")
    back_up(instance, tmp_path / "backup")
    picture.rename(picture.with_name("b-800.webp"))
    restore(instance, tmp_path / "backup")
    assert [(each.name, each.read_bytes()) for each in picture.parent.iterdir()] == [
        ("a-800.webp", b"a picture")
    ]


def test_a_backup_of_before_there_were_pictures_is_restored(instance: Instance, tmp_path: Path) -> None:
    back_up(instance, tmp_path / "backup")
    (tmp_path / "backup" / "media").rmdir()
    restore(instance, tmp_path / "backup")
    assert list(instance.media.iterdir()) == []


def test_a_backup_that_could_not_be_made_is_not_there(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when a full disk leaves a directory that looks like a backup, or a traceback."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("launcher.trees.shutil.copy2", full)
    with pytest.raises(LauncherError, match=r"There is no backup: .*No space left"):
        back_up(instance, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_a_backup_of_an_earlier_release_says_that_it_cannot_be_verified(tmp_path: Path) -> None:
    (tmp_path / LABEL).write_text('{"form": 1, "offset": 0, "made_at": "today"}')
    assert FORM > 1
    with pytest.raises(LauncherError, match="before backups could be verified"):
        verify(tmp_path)


def test_files_that_change_places_meanwhile_are_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kafka's log cleaner does. Red when what was renamed between two looks is in no backup."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "0.log").write_text("kept")
    from launcher import trees

    copied = trees.copy_tree

    def renames(*arguments: object, **more: object) -> None:
        (source / "0.log.swap").write_text("cleaned")
        copied(*arguments, **more)  # type: ignore[arg-type]
        (source / "0.log.swap").replace(source / "0.log")
        monkeypatch.setattr(trees, "copy_tree", copied)

    monkeypatch.setattr(trees, "copy_tree", renames)
    (source / "0.log").rename(source / "0.log.deleted")
    copy_steady(source, target)
    assert (target / "0.log").read_text() == "cleaned"
