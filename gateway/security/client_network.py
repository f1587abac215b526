"""Whose address it is, as far as limits go."""

from functools import lru_cache
from ipaddress import IPv6Address

REMEMBERED = 10_000
CUSTOMER_BITS = 64  # what one IPv6 customer is given at the least (RFC 6177; RFC 4291, section 2.5.1)


def network(address: str) -> str:
    """The name under which requests from `address` are counted.

    An IPv4 address stands for itself. An IPv6 address stands for its /64: whoever has one has all 2^64 of them,
    and would otherwise have as many shares. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
    """
    return _network(address) if ":" in address else address


@lru_cache(REMEMBERED)
def _network(address: str) -> str:
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    host_bits = 128 - CUSTOMER_BITS
    return f"{IPv6Address(int(found) >> host_bits << host_bits)}/{CUSTOMER_BITS}"
