"""Sends a header whose name is no text: Kafka takes any bytes, and the Python library sends only text.

So the C library underneath it is called as it is.
"""

import ctypes
from pathlib import Path
from typing import Any

from shared.messaging.envelope import Raw

SENT_WITHIN_MS = 20_000
ERROR_SIZE = 512
# librdkafka's rd_kafka_vtype_t: which argument comes next.
END, TOPIC, VALUE, KEY, FLAGS, HEADERS = 0, 1, 4, 5, 7, 10
COPY = 2  # RD_KAFKA_MSG_F_COPY


def send_with_odd_header(bootstrap: str, message: Raw, name: bytes, topic: str) -> None:
    """Put `message` on `topic` with one header more, named `name`; returns when Kafka has it."""
    library = _library()
    error = ctypes.create_string_buffer(ERROR_SIZE)
    settings = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), error, ERROR_SIZE)
    producer = ctypes.c_void_p(library.rd_kafka_new(0, settings, error, ERROR_SIZE))
    assert producer.value, error.value
    headers = ctypes.c_void_p(library.rd_kafka_headers_new(ctypes.c_size_t(len(message.headers) + 1)))
    for each, value in [*((text.encode(), value or b"") for text, value in message.headers), (name, b"x")]:
        library.rd_kafka_header_add(
            headers, each, ctypes.c_ssize_t(len(each)), value, ctypes.c_ssize_t(len(value))
        )
    refused = library.rd_kafka_producev(
        producer,
        *(TOPIC, ctypes.c_char_p(topic.encode())),
        *(VALUE, *_bytes(message.payload)),
        *(KEY, *_bytes(message.key or b"")),
        *(FLAGS, COPY),
        *(HEADERS, headers),
        END,
    )
    assert not refused, refused
    assert not library.rd_kafka_flush(producer, SENT_WITHIN_MS)
    library.rd_kafka_destroy(producer)


def _bytes(content: bytes) -> tuple[Any, Any]:
    return ctypes.c_char_p(content), ctypes.c_size_t(len(content))


def _library() -> Any:
    """The one that this process has loaded already, with the Python library."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    library: Any = ctypes.CDLL(next(line.split()[-1] for line in maps if "librdkafka" in line))
    for name in ("conf_new", "new", "headers_new"):
        getattr(library, f"rd_kafka_{name}").restype = ctypes.c_void_p
    return library
