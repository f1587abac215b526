"""The migrations of `shared.history` for a service on MongoDB: MIGRATION_MODULES names them there.

They follow the same models as `shared/history/migrations`; only the ids differ. After a change to
`shared/history/models.py` run `makemigrations history` for a service of each store.
"""
