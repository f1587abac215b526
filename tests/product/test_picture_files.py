"""Files first, then the product that shows them: what is left when a process, a folder or a bucket is not there."""

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from pymongo.errors import ServerSelectionTimeoutError

from apps.product import imaging, mongodb, operations, picture_files, uploads
from apps.product.errors import PictureMissing, PicturesUnavailable
from apps.product.media import MediaFolder
from apps.product.mongodb import mongo
from apps.product.service import SERVICE
from apps.product.views import pictures
from tests.product.commands import outbox
from tests.product.uploads import in_width, saved, two_halves, upload

if TYPE_CHECKING:
    from pytest_django import Settings
    from rest_framework.test import APIClient

    from tests.product.conftest import CommandsIn, MakeProduct

ROOT = Path(__file__).resolve().parents[2]
DAYS = timedelta(days=2)
# Dies with the files written and nothing else.
UPLOAD = """
import os, signal, sys
import django
django.setup()
from apps.product import imaging, uploads
picture = imaging.draw(open(sys.argv[1], "rb").read())
uploads.keep_and_show(picture, lambda _: os.kill(os.getpid(), signal.SIGKILL))
"""


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "products").iterdir())


def age(folder: Path, by: timedelta = DAYS) -> None:
    """As if everything in it had been written so long ago."""
    then = time.time() - by.total_seconds()
    for each in (folder / "products").iterdir():
        os.utime(each, (then, then))


def test_a_process_that_dies_between_files_and_product_leaves_nothing_broken(
    manager_client: "APIClient", make_product: "MakeProduct", media: Path, tmp_path: Path
) -> None:
    """Red when the product shows what is not there, when the upload cannot be repeated, or the rest stays for ever."""
    mug = make_product()
    (tmp_path / "picture.png").write_bytes(saved(two_halves()))
    command = [sys.executable, "-c", UPLOAD, str(tmp_path / "picture.png")]
    own = {"DJANGO_SETTINGS_MODULE": "apps.product.settings", "MICROCOMMERCE_MEDIA_DIRECTORY": str(media)}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    assert len(files(media)) == 3
    before = manager_client.get(f"/api/products/{mug.pk}/").json()
    assert (before["image"], before["version"], len(outbox())) == ("", 1, 1)

    age(media)
    call_command("tidy_pictures")
    assert files(media) == []
    answer = upload(manager_client, mug.pk, saved(two_halves()))
    assert (answer.status_code, len(files(media))) == (200, 3)


def test_only_what_is_old_and_unused_goes(
    manager_client: "APIClient", make_product: "MakeProduct", media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Red when a picture goes that is shown (also by an archived product, also in another width), or that is new."""
    mug, pan, old = make_product(), make_product("Pan"), make_product("Old pan")
    other = in_width(upload(manager_client, mug.pk, saved(two_halves((77, 77)))).json()["image"], 1600)
    upload(manager_client, mug.pk, saved(two_halves()))
    upload(manager_client, old.pk, saved(two_halves((55, 55))))
    manager_client.delete(f"/api/products/{old.pk}/")
    manager_client.patch(f"/api/products/{pan.pk}/", {"image": other})
    unused = upload(manager_client, pan.pk, saved(two_halves((44, 44)))).json()["image"]
    manager_client.patch(f"/api/products/{pan.pk}/", {"image": other})
    (media / "products" / "tmpabc.part").write_bytes(b"half of")
    (media / "products" / "notes.txt").write_text("somebody's")
    call_command("tidy_pictures")
    assert len(files(media)) == 4 * 3 + 2  # everything is new
    age(media)
    call_command("tidy_pictures")
    assert "1 pictures and 1 unfinished files were deleted; 3 stay." in capsys.readouterr().out
    assert len(files(media)) == 3 * 3 + 1
    assert not [name for name in files(media) if name in unused]
    with pytest.raises(CommandError):
        call_command("tidy_pictures", "--hours", "0")


def test_an_upload_makes_its_picture_new_again(
    manager_client: "APIClient", make_product: "MakeProduct", media: Path
) -> None:
    """Red when files that are there are left as they are: tidying up would take them for old before they are shown."""
    mug = make_product()
    upload(manager_client, mug.pk, saved(two_halves()))
    manager_client.delete(f"/api/products/{mug.pk}/picture/")
    age(media)
    picture_files.keep(imaging.draw(saved(two_halves())))
    call_command("tidy_pictures")
    assert len(files(media)) == 3


def test_files_that_went_meanwhile_are_written_again(make_product: "MakeProduct", media: Path) -> None:
    """Red when a product comes to show what was tidied away between the writing and the showing."""
    mug, tries = make_product(), []
    picture = imaging.draw(saved(two_halves()))

    def show(found: imaging.Picture) -> object:
        tries.append(found)
        if len(tries) == 1:
            age(media)
            assert operations.tidy_pictures([found.digest], timedelta(hours=1)) == 1
        return operations.set_picture(str(mug.pk), found)

    uploads.keep_and_show(picture, show)
    assert (len(tries), len(files(media))) == (2, 3)
    assert [data["version"] for _, data in outbox()] == [1, 2]


def test_a_file_is_whole_or_not_there(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red with Django's own folder: a full disk leaves half a file under a name that is good for ever."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    picture = imaging.draw(saved(two_halves()))
    monkeypatch.setattr("apps.product.media.os.fsync", full)
    with pytest.raises(PicturesUnavailable):
        picture_files.keep(picture)
    assert files(media) == []


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_place_that_is_away(
    manager_client: "APIClient",
    anonymous_client: "APIClient",
    make_product: "MakeProduct",
    media: Path,
    settings: "Settings",
    where: str,
) -> None:
    """503 and nothing changed, for uploads and for readers; the catalogue goes on. Red where it is a 500."""
    mug = make_product()
    picture = upload(manager_client, mug.pk, saved(two_halves())).json()["image"]
    if where == "folder":
        (media / "products").rename(media / "away")
        (media / "products").write_text("no folder")
    else:
        use_bucket(settings, "http://127.0.0.1:9")  # nobody listens there (RFC 863's port)
    for answer in (
        upload(manager_client, mug.pk, saved(two_halves((50, 50)))),
        anonymous_client.get(picture),
    ):
        assert answer.status_code == 503, answer.content
        assert answer["Retry-After"]
        assert answer.json()["type"].endswith("/problems/store-unavailable")
    read = anonymous_client.get(f"/api/products/{mug.pk}/")
    assert (read.status_code, read.json()["version"], len(outbox())) == (200, 2, 2)
    assert manager_client.delete(f"/api/products/{mug.pk}/picture/").status_code == 204


def use_bucket(settings: "Settings", endpoint: str) -> None:
    from apps.product.settings import ProductEnvironment, places

    keys = {"media_access_key": "a", "media_secret_key": "b", "media_region": "eu-central-1"}
    given = settings.ENVIRONMENT.model_dump() | {
        "media_directory": "",
        "media_bucket": "pictures",
        "media_endpoint": endpoint,
    }
    environment = ProductEnvironment(**given | keys)
    settings.ENVIRONMENT = environment
    settings.STORAGES = {**settings.STORAGES, **places(environment)}
    picture_files._failures.cache_clear()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "set one of them"),
        ({"DIRECTORY": "/media", "BUCKET": "pictures"}, "set one of them"),
        ({"DIRECTORY": "media"}, "no absolute path"),
        ({"BUCKET": "Not a bucket"}, "no name of a bucket"),
        ({"BUCKET": "pictures", "ENDPOINT": "s3.example.com"}, "no address"),
        ({"BUCKET": "pictures", "ACCESS_KEY": "a"}, "set both or neither"),
    ],
)
def test_a_place_that_is_nowhere_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], complaint: str
) -> None:
    from apps.product.settings import ProductEnvironment
    from launcher.instance import Instance
    from launcher.system import service
    from launcher.testing.production import production_environment

    production = production_environment(service("product"), Instance())
    production.pop("MICROCOMMERCE_MEDIA_DIRECTORY")
    for name, value in (
        production | {f"MICROCOMMERCE_MEDIA_{name}": value for name, value in given.items()}
    ).items():
        monkeypatch.setenv(name, value)
    if "MICROCOMMERCE_MEDIA_DIRECTORY" not in production and "DIRECTORY" not in given:
        monkeypatch.delenv("MICROCOMMERCE_MEDIA_DIRECTORY", raising=False)
    with pytest.raises(ImproperlyConfigured, match=complaint):
        ProductEnvironment.of(SERVICE)


def test_a_bare_shell_means_the_folder_of_the_usual_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.product.settings import ProductEnvironment
    from launcher.instance import Instance

    monkeypatch.delenv("MICROCOMMERCE_MEDIA_DIRECTORY", raising=False)
    assert ProductEnvironment.of(SERVICE).media_directory == str(Instance().media)


GONE = f"/media/products/{'0' * 40}-800.webp"


def test_no_product_comes_to_show_what_is_not_there(
    manager_client: "APIClient", make_product: "MakeProduct", media: Path
) -> None:
    """By whichever way; a kept one may be shown by its address. Red without `_check_pictures` in each operation."""
    mug, pan = make_product(), make_product("Pan")
    path = f"/api/products/{mug.pk}/"
    for answer in (
        manager_client.patch(path, {"image": GONE}),
        manager_client.post("/api/products/", {"name": "Pot", "price": "1.00", "image": GONE}),
    ):
        assert answer.status_code == 400
        assert [each["field"] for each in answer.json()["errors"]] == ["image"]
    with pytest.raises(PictureMissing):
        operations.create_products([{"name": "Pot", "price": Decimal(1), "currency": "EUR", "image": GONE}])
    with pytest.raises(PictureMissing):
        operations.change_products([operations.ProductChange(str(mug.pk), {"image": GONE})])
    kept = upload(manager_client, pan.pk, saved(two_halves())).json()["image"]
    assert manager_client.patch(path, {"image": kept}).status_code == 200
    for each in (media / "products").iterdir():
        each.unlink()
    assert manager_client.patch(path, {"image": kept, "name": "Cup"}).status_code == 200  # as before


def test_a_bucket_is_asked_about_age_outside_of_the_transaction(
    make_product: "MakeProduct", media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when the catalogue waits for anything but the deletion."""
    picture = imaging.draw(saved(two_halves()))
    picture_files.keep(picture)
    age(media)
    inside: list[tuple[str, bool]] = []
    for name in ("exists", "get_modified_time", "delete"):
        usual = getattr(MediaFolder, name)

        def noted(*args: Any, name: str = name, usual: Any = usual) -> Any:
            inside.append((name, bool(mongo.in_atomic_block_mongo)))
            return usual(*args)

        monkeypatch.setattr(MediaFolder, name, noted)
    assert operations.tidy_pictures([picture.digest], timedelta(hours=1)) == 1
    assert set(inside) == {("exists", False), ("get_modified_time", False), ("delete", True)}


def test_whether_a_picture_is_there_is_asked_before_others_have_to_wait(
    make_product: "MakeProduct", media: Path, monkeypatch: pytest.MonkeyPatch, commands_in: "CommandsIn"
) -> None:
    """In the change's transaction, before it writes anything. Red where `renew` comes first, or no transaction."""
    mug, picture = make_product(), imaging.draw(saved(two_halves()))
    picture_files.keep(picture)
    usual, before = picture_files.are_kept, list[str]()

    def noted(digest: str) -> bool:
        assert mongo.in_atomic_block_mongo
        before.extend(commands)
        return usual(digest)

    monkeypatch.setattr(picture_files, "are_kept", noted)
    with commands_in() as commands:
        operations.set_picture(str(mug.pk), picture)
    assert before
    assert set(before) <= {"find", "aggregate"}


def test_readers_of_a_place_that_hangs_leave_threads_to_others(
    anonymous_client: "APIClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without the bound in the view."""
    monkeypatch.setattr("apps.product.views.pictures.READERS", threading.BoundedSemaphore(1))
    monkeypatch.setattr("apps.product.views.pictures.WAIT_SECONDS", 0.01)
    address = f"/media/products/{'0' * 40}-800.webp"
    with pictures.READERS:
        answer = anonymous_client.get(address)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    for _ in range(2):
        assert anonymous_client.get(address).status_code == 404


def test_readers_wait_less_for_a_bucket(settings: "Settings") -> None:
    use_bucket(settings, "http://127.0.0.1:9")
    reading = settings.STORAGES["reading"]["OPTIONS"]["client_config"]
    assert (reading.read_timeout, reading.retries) == (2, {"total_max_attempts": 1})


@pytest.mark.parametrize(
    ("method", "seconds"), [("GET", 4.0), ("DELETE", 4.0), ("PUT", 24.0), ("POST", 24.0)]
)
def test_only_an_upload_has_long(monkeypatch: pytest.MonkeyPatch, method: str, seconds: float) -> None:
    """And only while MongoDB answers. Red where every request for such an address has it."""
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", 4.0)
    request: Any = RequestFactory().generic(method, "/api/products/x/picture/")
    assert mongodb._seconds(request) == seconds

    def away() -> None:
        raise ServerSelectionTimeoutError

    monkeypatch.setattr(mongodb, "ready", away)
    assert mongodb._seconds(request) == 4.0
