"""The migrations of `shared.messaging` for a service on MongoDB: MIGRATION_MODULES names them there.

They follow the same models as `shared/messaging/migrations`; only the ids differ. After a change to
`shared/messaging/models.py` run `makemigrations messaging` for a service of each store.
"""
