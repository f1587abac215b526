"""The migrations of the product service: today's, and those beside this file."""

from apps.product import migrations

__path__.extend(migrations.__path__)
