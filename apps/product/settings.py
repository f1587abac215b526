"""Settings of the product service: only what differs from the other services."""

from shared.settings import Environment, service_settings

environment = Environment.of("product")
base = service_settings("product", apps=["apps.product"], environment=environment, admin=True)
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
MESSAGING_OUTBOX = "shared.messaging.mongodb.MongoOutbox"
READINESS = {"database": "apps.product.store.ready"}
STORE_IS_AWAY = "apps.product.store.is_away"
# Around everything else: who is asking is looked up in MongoDB as well.
MIDDLEWARE = ["apps.product.store.DeadlineMiddleware", *base["MIDDLEWARE"]]
