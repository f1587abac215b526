"""Where PostgreSQL's files lie when we are root."""

import shutil
from pathlib import Path

from launcher.instance import Instance
from launcher.privileges import REACHABLE, reachable_directory, settle_directory


def test_a_checkout_made_again_does_not_find_its_predecessors_database(tmp_path: Path) -> None:
    """Its other stores are empty. Red when the name comes from the checkout's path."""
    chosen = []
    for _ in range(2):
        platform = Instance(root=tmp_path / "checkout")
        platform.make_directories()
        settle_directory(platform)
        settle_directory(platform)  # `up` again
        chosen.append(reachable_directory(platform))
        assert chosen[-1].parent == REACHABLE
        shutil.rmtree(platform.root)
    assert chosen[0] != chosen[1]


def test_who_ran_before_keeps_their_database(tmp_path: Path) -> None:
    """Red when an update of the project looks for PostgreSQL's files in another place."""
    platform = Instance(root=tmp_path)
    platform.make_directories()
    before = reachable_directory(platform)
    (platform.data / "order.migrated").touch()
    settle_directory(platform)
    assert reachable_directory(platform) == before
