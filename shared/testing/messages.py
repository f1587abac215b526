"""Messages as a consumer would see them, made without Kafka but through the same envelope."""

from typing import TypeVar, cast

from shared.contracts import Message
from shared.messaging.envelope import Raw, Received, decode, encode

M = TypeVar("M", bound=Message)


def raw(message: Message, id: str | None = None, *, partition: int = 0, offset: int = -1) -> Raw:
    """`message` on the wire, as a service named "test" would have sent it; `id` is its `ce_id`."""
    made_id, headers, payload = encode(message, "test")
    headers["ce_id"] = id or made_id
    return Raw(
        topic=message.TOPIC.name,
        partition=partition,
        offset=offset,
        key=message.key.encode(),
        headers=[(name, value.encode()) for name, value in headers.items()],
        payload=payload.encode(),
    )


def received(message: M, id: str | None = None) -> Received[M]:
    """`message` as a handler gets it."""
    return cast("Received[M]", decode(raw(message, id)))
