"""Judges made-up migrations of the order service: `python -m tests.launcher.linting` says what it thinks of each."""

import os

import django
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

TOTAL = models.CheckConstraint(condition=models.Q(total__gte=1), name="order_total_positive")
NEWEST = models.Index(fields=["-updated_at"], name="order_newest_change")
ONCE = models.UniqueConstraint(fields=["number"], name="order_number_once")

RELEASES: dict[str, Operation] = {
    "0901_drop_column": migrations.RemoveField("order", "fingerprint"),
    "0902_contract_drop_column": migrations.RemoveField("order", "fingerprint"),
    "0903_drop_table": migrations.DeleteModel("ProductCopy"),
    "0904_no_default": migrations.AddField("order", "gift", models.BooleanField(default=False)),
    "0905_default": migrations.AddField("order", "gift", models.BooleanField(db_default=False)),
    "0906_null": migrations.AddField("order", "gift", models.BooleanField(null=True)),
    "0907_becomes_not_null": migrations.AlterField("order", "basket_version", models.BigIntegerField()),
    "0908_rename": migrations.RenameField("order", "currency", "money"),
    "0909_retype": migrations.AlterField("order", "basket_version", models.IntegerField(null=True)),
    "0910_check": migrations.AddConstraint("order", TOTAL),
    "0911_check_later": AddConstraintNotValid("order", TOTAL),
    "0912_index": migrations.AddIndex("order", NEWEST),
    "0913_index_beside": AddIndexConcurrently("order", NEWEST),
    "0915_positive": migrations.AddField("order", "gifts", models.PositiveIntegerField(db_default=0)),
    "0914_sql": migrations.RunSQL("ALTER TABLE order_order DROP COLUMN currency", ""),
}


def main() -> None:
    """One line for each that is refused."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "launcher.testing.every_app"
    django.setup()
    from launcher.testing.migration_lint import Linter, without_database

    class Judge(Linter):
        @staticmethod
        def get_migration_hash(*_: str) -> str:
            """There is no file."""
            return ""

    without_database()
    judge = Judge()
    loader = judge.migration_loader
    ((_, last),) = (node for node in loader.graph.leaf_nodes("order"))
    for name, operation in RELEASES.items():
        atomic = getattr(operation, "atomic", True)
        content = {"operations": [operation], "dependencies": [("order", last)], "atomic": atomic}
        made = type("Migration", (migrations.Migration,), content)(name, "order")
        loader.disk_migrations["order", name] = made
        loader.graph.add_node(("order", name), made)
        loader.graph.add_dependency(made, ("order", name), ("order", last))
        judge.lint_migration(made)


if __name__ == "__main__":
    main()
