"""Settings of the product service: only what differs from the other services."""

from shared.settings import Environment, service_settings

environment = Environment.of("product")
base = service_settings("product", apps=["apps.product"], environment=environment)
globals().update(base)

DATABASES = {
    "default": {
        **base["DATABASES"]["default"],
        "OPTIONS": {
            "w": "majority",
            "journal": True,
            "serverSelectionTimeoutMS": 2_000,  # a request learns early that mongod is away
            "connectTimeoutMS": 2_000,
        },
    }
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
MIGRATION_MODULES = {"messaging": "shared.messaging.mongodb_migrations"}
MESSAGING_OUTBOX = "shared.messaging.mongodb.MongoOutbox"
READINESS = {"database": "apps.product.store.ready"}
MIDDLEWARE = [*base["MIDDLEWARE"], "apps.product.store.DeadlineMiddleware"]
REST_FRAMEWORK = {**base["REST_FRAMEWORK"], "EXCEPTION_HANDLER": "apps.product.store.exception_handler"}
