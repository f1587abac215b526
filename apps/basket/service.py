"""What the basket service is, needs and hears."""

from datetime import timedelta

from shared.declaration import CONSUMER, Evidence, Process, Service

SERVICE = Service(
    name="basket",
    port=8004,
    redis=2,  # where the baskets are, too
    processes=(
        Process("api"),
        Process("consumer", stores=("redis",), passes=CONSUMER, not_under_load=("dead-letter.sent",)),
    ),
    listens_to=(
        "basket.remove-items.v1",
        "product.created.v1",
        "product.updated.v1",
        "product.archived.v1",
    ),
    keeps={"baskets since their last change": timedelta(days=180)},
    tags={"basket": "The caller's own basket (basket service)."},
    evidence=Evidence(parked_in_redis="parked"),
)
