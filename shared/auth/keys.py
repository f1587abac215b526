"""The realm's signing keys: fetched rarely, kept in memory and in the service's cache.

A key that nobody knows triggers one fetch, and never more than one in `MIN_INTERVAL` seconds whatever key
ids arrive, so that forged tokens cannot turn a service against Keycloak. (Without any key no token can be
judged: then it is asked again after `FIRST_INTERVAL`.) The copy in the cache lets a
service that restarts while Keycloak is down go on with keys that are still fresh.

So a key has to be published `MIN_INTERVAL` before it signs: whoever asked before that may ask again by the
time its first token arrives, and whoever asked since knows it, however many forged ids came in between
(docs/operations.md, "Rotating the realm's keys").
"""

import json
import logging
import threading
import time
import urllib.request
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

logger = logging.getLogger(__name__)

MIN_INTERVAL = 30.0  # seconds between two fetches
FIRST_INTERVAL = 2.0  # seconds between two tries while no key is known and every caller has to be turned away
FRESH_FOR = 600.0  # seconds until keys are asked for again: as long is a key trusted that the realm took away
CACHED_FOR = 24 * 3600  # seconds that the copy in the cache may stand in for Keycloak
TIMEOUT = 3.0  # seconds for one fetch
CACHE_KEY = "auth:jwks"
SIGNING = {"RSA": "RS256", "EC": "ES256"}

SigningKey = RSAKey | ECKey


class Cache(Protocol):
    """What is needed of a Django cache."""

    def get(self, key: str) -> Any:
        """The value, or None."""

    def set(self, key: str, value: Any, timeout: float) -> Any:
        """Keep the value for `timeout` seconds."""


class KeySource:
    """Looks keys up by their id; thread-safe. `url` is the realm's JWKS address."""

    def __init__(self, url: str, cache: Cache | None = None) -> None:
        self._url = url
        self._cache = cache
        self._keys: dict[str, SigningKey] = {}
        self._last_try = self._loaded_at = float("-inf")
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        """Whether no key is known at all, so that nothing can be said about any token."""
        return not self._keys

    def find(self, key_id: str) -> SigningKey | None:
        """The key if it is known in memory and fresh. Never blocks."""
        return self._keys.get(key_id) if self._is_fresh() else None

    def fetch(self, key_id: str) -> SigningKey | None:
        """The key, asking the cache and then Keycloak where memory does not have it. May block for `TIMEOUT`.

        A key that is not fresh any more still counts while Keycloak does not answer, and while another thread asks.
        """
        if self._lock.acquire(blocking=key_id not in self._keys):
            try:
                self._refresh(key_id)
            finally:
                self._lock.release()
        return self._keys.get(key_id)

    def _refresh(self, key_id: str) -> None:
        if self.is_empty:
            self._load_cached()
        interval = FIRST_INTERVAL if self.is_empty else MIN_INTERVAL
        if self.find(key_id) is None and time.monotonic() - self._last_try >= interval:
            self._last_try = time.monotonic()
            self._load_from_keycloak()

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._loaded_at < FRESH_FOR

    def _take(self, document: str | bytes) -> None:
        """Make the keys in `document` the known ones; raises ValueError or JoseError where there are none."""
        keys = parse(json.loads(document))
        if not keys:
            raise ValueError("the document holds no signing key")
        self._keys, self._loaded_at = keys, time.monotonic()

    def _load_cached(self) -> None:
        if self._cache is None:
            return
        try:
            document = self._cache.get(CACHE_KEY)
            if document:
                self._take(document)
        except Exception as error:  # noqa: BLE001 - a cache that is of no use costs one fetch, whatever it raises
            logger.warning("The cached keys cannot be read: %s", error)

    def _load_from_keycloak(self) -> None:
        try:
            with urllib.request.urlopen(self._url, timeout=TIMEOUT) as response:  # noqa: S310 - an address of our own settings
                document = response.read()
            self._take(document)
        except (OSError, ValueError, JoseError) as error:
            logger.warning("Keycloak's keys cannot be fetched from %s: %s", self._url, error)
            return
        self._remember(document.decode())

    def _remember(self, document: str) -> None:
        if self._cache is None:
            return
        try:
            self._cache.set(CACHE_KEY, document, CACHED_FOR)
        except Exception as error:  # noqa: BLE001 - as above
            logger.warning("The keys cannot be cached: %s", error)


def parse(document: Any) -> dict[str, SigningKey]:
    """The signing keys of a JWK Set (RFC 7517), by key id; encryption keys and other algorithms are left out.

    There are none in what is no JWK Set. Raises JoseError for a key that is broken.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    usable = [key for key in keys if _is_usable(key)] if isinstance(keys, list) else []
    if not usable:
        return {}
    found = KeySet.import_key_set({"keys": usable})
    return {key.kid: key for key in found.keys if key.kid and isinstance(key, RSAKey | ECKey)}


def _is_usable(key: Any) -> bool:
    if not isinstance(key, dict) or key.get("use") != "sig" or not key.get("kid"):
        return False
    algorithm = SIGNING.get(str(key.get("kty")))
    return algorithm is not None and key.get("alg") == algorithm
