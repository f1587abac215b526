"""What can go wrong with a level, one class for each, with its status and the way out."""

from typing import ClassVar

from shared.http.problems import Problem


class UnknownProduct(Problem):
    """There is no stock item with this id."""

    slug = "not-found"
    status_code = 404
    default_detail = (
        "No product with this id is in stock-keeping. A new one appears moments after it was created."
    )


class BelowReserved(Problem):
    """Less would be on hand than is promised to customers; `on_hand` and `reserved` say how much that is."""

    slug = "below-reserved"
    status_code = 409
    title = "Orders hold more than that"
    example: ClassVar = {"on_hand": 10, "reserved": 4}


class TooMany(Problem):
    """More than a stock level can hold."""

    slug = "stock-limit"
    status_code = 409
    title = "That is more than can be kept"
    example: ClassVar = {"on_hand": 10}


class IdempotencyKeyReused(Problem):
    """The same key came with another adjustment."""

    slug = "idempotency-key-reused"
    status_code = 422
    title = "The idempotency key was used for another adjustment"
    default_detail = "This Idempotency-Key belongs to another adjustment. Use a new key for a new one."


class IdempotencyKeyInvalid(Problem):
    """The header is not a key."""

    slug = "idempotency-key-invalid"
    status_code = 400
    title = "The idempotency key is not acceptable"
    default_detail = "Idempotency-Key takes 1 to 255 visible ASCII characters."
