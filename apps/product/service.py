"""What the product service is, needs and says."""

from shared.declaration import OUTBOX, RELAY, Process, Service

SERVICE = Service(
    name="product",
    port=8001,
    redis=7,
    database="mongod",
    processes=(
        Process("api", passes=OUTBOX),
        Process(
            "relay", passes=RELAY
        ),  # it handles no messages, so that it has no consumer to carry its outbox
    ),
    secrets=("media_access_key", "media_secret_key"),  # of the bucket, where that has the pictures
    folders={"media_directory": "media"},
    writes=("product.events",),
    tags={
        "products": "The catalogue: what is sold, for how much (product service).",
        "categories": "What products are sorted into (product service).",
        "media": "Pictures of products (product service).",
    },
)
