"""`manage.py announce_products`: say of every product what it is."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.product.operations import announce_all


class Command(BaseCommand):
    """Safe to repeat: a copy that is up to date stays as it is."""

    help = "Publish an event about every product as it is now, for copies that missed one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Some transactions, one after the other; the shop stays open."""
        self.stdout.write(f"{announce_all()} products were announced.")
