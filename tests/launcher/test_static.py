"""The static checks run on a machine on which nothing else does."""

import pytest

from launcher.instance import Instance
from launcher.system import with_postgres
from launcher.testing.static import checks, outcome_of

NOBODY = Instance(7000)
OWNERS = ("product", *(owner.name for owner in with_postgres()))


@pytest.mark.parametrize("owner", OWNERS)
def test_migrations_are_looked_at_without_a_database(owner: str) -> None:
    """Red where `makemigrations` itself is run: it raced with the stores of the tests."""
    check = next(each for each in checks(NOBODY) if each.name == f"migrations of {owner}")
    outcome = outcome_of(check, NOBODY.root)
    assert outcome.passed, outcome.output
    assert "Got an error" not in outcome.output
