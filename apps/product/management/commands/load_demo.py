"""`manage.py load_demo`: fill the catalogue with the demonstration."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.product.demo import catalogue
from apps.product.demo.loading import load
from shared.auth.actor import acting, command


class Command(BaseCommand):
    """Safe to repeat: what is there already is left alone."""

    help = "Bring the demonstration's categories and products into the catalogue, with their events."

    def handle(self, *args: Any, **options: Any) -> None:
        """One transaction for each category."""
        shelves = catalogue.categories()
        added = 0
        for count, shelf in enumerate(shelves, 1):
            with acting(command("load_demo")):
                new = load(shelf)
            added += new
            self.stdout.write(
                f"[{count}/{len(shelves)}] {shelf.name}: {len(shelf.products)} products, {new} new"
            )
        total = sum(len(shelf.products) for shelf in shelves)
        self.stdout.write(
            f"The demonstration has {total} products in {len(shelves)} categories; {added} were new."
        )
