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
        demo_categories = catalogue.categories()
        added = 0
        for count, demo_category in enumerate(demo_categories, 1):
            with acting(command("load_demo")):
                new = load(demo_category)
            added += new
            self.stdout.write(
                f"[{count}/{len(demo_categories)}] {demo_category.name}: {len(demo_category.products)} products, {new} new"
            )
        total = sum(len(demo_category.products) for demo_category in demo_categories)
        self.stdout.write(
            f"The demonstration has {total} products in {len(demo_categories)} categories; {added} were new."
        )
