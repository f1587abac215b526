"""A release that there never was: what it would change in the databases of order, stock and product.

Real migrations, on top of today's and run by the services' own `manage.py migrate`: what today's code can live with
comes first (expand), what it knows nothing of goes last (contract). `tests/system/test_migrating.py` runs them.
"""
