"""`manage.py index_catalogue`: makes search words and sort keys where a process of the release before left none."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.product.indexing import fill
from apps.product.mongodb import mongo
from apps.product.operations import renew
from apps.product.transactions import in_transaction


class Command(BaseCommand):
    """Safe to repeat; once after an upgrade while the shop was open (docs/operations.md)."""

    help = __doc__

    def handle(self, **_: Any) -> None:
        """Fill, and let every process see it."""
        filled = fill(mongo.database)
        if filled:
            in_transaction(renew)()
        self.stdout.write(f"{filled} products and categories were indexed anew.")
