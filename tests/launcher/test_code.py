"""`up` on a running platform notices which services run code from before a change."""

from pathlib import Path

from launcher import code
from launcher.instance import Instance
from launcher.system import service

ORDER, STOCK = service("order"), service("stock")


def _checkout(root: Path) -> Instance:
    for name in (
        "apps/order/migrations/0001.py",
        "apps/stock/models.py",
        "shared/http.py",
        "apps/order/note.txt",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    instance = Instance(0, root)
    instance.make_directories()
    return instance


def test_only_the_service_whose_code_changed_is_started_again(tmp_path: Path) -> None:
    """Red when a new migration is not noticed, or every service is restarted for one."""
    instance = _checkout(tmp_path)
    assert code.has_changed(ORDER, instance), "nobody knows what it was started with"
    for owner in (ORDER, STOCK):
        code.note(owner, instance)
    assert not code.has_changed(ORDER, instance)
    (tmp_path / "apps/order/note.txt").write_text("2")
    assert not code.has_changed(ORDER, instance), "that is no code"
    (tmp_path / "apps/order/migrations/0002.py").write_text("2")
    assert (code.has_changed(ORDER, instance), code.has_changed(STOCK, instance)) == (True, False)
    code.note(ORDER, instance)
    assert not code.has_changed(ORDER, instance)


def test_what_is_shared_concerns_everybody(tmp_path: Path) -> None:
    """Red when services go on with the old library."""
    instance = _checkout(tmp_path)
    for owner in (ORDER, STOCK):
        code.note(owner, instance)
    (tmp_path / "shared/http.py").write_text("2")
    assert (code.has_changed(ORDER, instance), code.has_changed(STOCK, instance)) == (True, True)
