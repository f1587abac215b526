"""Where keys come from: Keycloak at most once in 30 s, a cache while Keycloak is away, never a token."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from shared.auth import InvalidToken, KeysUnavailable, TokenVerifier
from shared.auth.keys import CACHE_KEY, KeySource, parse
from shared.testing.tokens import KEY_ID, make_claims, realm_key, sign
from tests.shared.auth.tokens import foreign_key

ISSUER = "http://realm.test"


class Keys:
    """A Keycloak that only hands out keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.document: bytes = json.dumps({"keys": [public(realm_key())]}).encode()
        self.asked = 0
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(keys.document)))
                self.end_headers()
                self.wfile.write(keys.document)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/certs"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Memory:
    """A cache."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any, timeout: float) -> None:
        self.values[key] = value


class Away:
    """A cache that is away."""

    def get(self, key: str) -> Any:
        raise ConnectionError("away")

    def set(self, key: str, value: Any, timeout: float) -> None:
        raise ConnectionError("away")


@pytest.fixture
def keycloak() -> Iterator[Keys]:
    keys = Keys()
    yield keys
    keys.stop()


@pytest.fixture
def stranger() -> Iterator[Keys]:
    """Somebody else's server, with the key that forged tokens are signed with."""
    keys = Keys()
    keys.document = json.dumps({"keys": [public(foreign_key())]}).encode()
    yield keys
    keys.stop()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 30 s passed between any two requests."""
    monkeypatch.setattr("shared.auth.keys.MIN_INTERVAL", 0.0)


def public(key: RSAKey | ECKey, **changes: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **changes}


def token(kid: str = KEY_ID) -> str:
    return sign(make_claims(iss=ISSUER), kid=kid)


def test_keys_are_fetched_once(keycloak: Keys) -> None:
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url))

    for _ in range(5):
        verifier.verify(token())

    assert keycloak.asked == 1


def test_whatever_key_ids_arrive_keycloak_is_asked_once_in_30_seconds(keycloak: Keys) -> None:
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url))

    def try_one(number: int) -> bool:
        try:
            verifier.verify(token(f"forged-{number}"))
        except InvalidToken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(try_one, range(40)))

    assert not any(taken)
    assert keycloak.asked == 1
    assert verifier.verify(token()).subject


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"jku": "http://127.0.0.1:1"}, {"kid": 5}], ids=repr
)
def test_a_token_that_can_never_be_good_does_not_make_anybody_ask(
    keycloak: Keys, header: dict[str, Any]
) -> None:
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url))

    with pytest.raises(InvalidToken):
        verifier.verify(sign(make_claims(iss=ISSUER), **{"kid": "unknown", **header}))

    assert keycloak.asked == 0


@pytest.mark.parametrize("names", [("jku",), ("x5u",), ("jku", "x5u")], ids=" and ".join)
def test_where_a_token_says_its_key_lies_nobody_goes(
    keycloak: Keys, stranger: Keys, names: tuple[str, ...]
) -> None:
    """Red when a token's own header names the key that it is judged by, or makes the service call an address."""
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url))
    verifier.verify(token())
    header: dict[str, Any] = dict.fromkeys(names, stranger.url)
    claims = make_claims(iss=ISSUER)
    forged = [sign(claims, foreign_key(), **header, kid=kid) for kid in ("foreign", KEY_ID)]
    for each in (*forged, sign(claims, **header)):
        with pytest.raises(InvalidToken):
            verifier.verify(each)
        assert not verifier.needs_fetch(each)

    assert stranger.asked == 0
    assert KeySource(stranger.url).fetch("foreign") is not None, "the key was there to be fetched"


def test_a_key_that_the_realm_adds_is_found(keycloak: Keys, no_pause: None) -> None:
    source = KeySource(keycloak.url)
    assert source.fetch(KEY_ID) is not None
    keycloak.document = json.dumps({"keys": [public(realm_key(), kid="new")]}).encode()

    assert source.fetch("new") is not None
    assert source.find(KEY_ID) is None, "a key that the realm has taken away is not good any more"


def test_a_key_that_was_published_in_time_is_known_when_it_signs_whatever_forged_ids_arrive(
    keycloak: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forged ids use up every fetch. Red when the pause between two fetches is longer than docs/operations.md says."""
    now = [1000.0]
    monkeypatch.setattr("shared.auth.keys.time.monotonic", lambda: now[0])
    source = KeySource(keycloak.url)
    source.fetch(KEY_ID)
    for forged in range(60):
        now[0] += 1
        source.fetch(f"forged-{forged}")
        if forged == 25:
            published = [public(realm_key()), public(realm_key(), kid="new")]
            keycloak.document = json.dumps({"keys": published}).encode()
        if forged >= 25 + 30:
            assert source.fetch("new") is not None
    assert keycloak.asked == 3


def test_a_stale_key_is_used_while_somebody_else_asks_for_a_fresh_one(
    keycloak: Keys, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Keycloak that hangs costs one request its time. Red when the others wait in line behind it."""
    source = KeySource(keycloak.url)
    source.fetch(KEY_ID)
    monkeypatch.setattr("shared.auth.keys.FRESH_FOR", -1.0)
    with source._lock, ThreadPoolExecutor(1) as pool:
        assert pool.submit(source.fetch, KEY_ID).result(timeout=5) is not None
    assert keycloak.asked == 1


def test_keys_are_asked_for_again_after_a_while(
    keycloak: Keys, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = KeySource(keycloak.url)
    source.fetch(KEY_ID)
    monkeypatch.setattr("shared.auth.keys.FRESH_FOR", -1.0)

    assert source.find(KEY_ID) is None
    assert source.fetch(KEY_ID) is not None
    assert keycloak.asked == 2


def test_old_keys_go_on_while_keycloak_is_down(
    keycloak: Keys, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url))
    verifier.verify(token())
    keycloak.stop()

    assert verifier.verify(token()).subject
    monkeypatch.setattr("shared.auth.keys.FRESH_FOR", -1.0)
    assert verifier.verify(token()).subject


def test_a_restart_while_keycloak_is_down_reads_the_cache(keycloak: Keys) -> None:
    cache = Memory()
    KeySource(keycloak.url, cache).fetch(KEY_ID)
    keycloak.stop()

    assert TokenVerifier(ISSUER, KeySource(keycloak.url, cache)).verify(token()).subject


def test_without_any_key_nothing_is_said_about_a_token(keycloak: Keys) -> None:
    keycloak.stop()
    verifier = TokenVerifier(ISSUER, KeySource(keycloak.url, Memory()))

    with pytest.raises(KeysUnavailable):
        verifier.verify(token())


def test_a_cache_that_is_away_costs_a_fetch(keycloak: Keys) -> None:
    assert TokenVerifier(ISSUER, KeySource(keycloak.url, Away())).verify(token()).subject
    assert keycloak.asked == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"keys": []}', '{"keys": {}}', '{"keys": [1]}'])
def test_a_spoilt_cache_costs_a_fetch(keycloak: Keys, text: str) -> None:
    cache = Memory()
    cache.set(CACHE_KEY, text, 1)

    assert TokenVerifier(ISSUER, KeySource(keycloak.url, cache)).verify(token()).subject


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'{"keys": []}',
        b'{"keys": 1}',
        b'{"keys": [null]}',
        b'{"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "x"}]}',
        b"\xff",
    ],
)
def test_an_answer_that_holds_no_keys_does_not_spoil_the_old_ones(
    keycloak: Keys, no_pause: None, document: bytes
) -> None:
    cache = Memory()
    source = KeySource(keycloak.url, cache)
    source.fetch(KEY_ID)
    keycloak.document = document

    assert source.fetch("unknown") is None
    assert source.find(KEY_ID) is not None
    assert KeySource("data:,", cache).fetch(KEY_ID) is not None


def test_only_signing_keys_are_taken() -> None:
    rsa, elliptic = (
        realm_key(),
        ECKey.generate_key("P-256", parameters={"kid": "ec", "use": "sig", "alg": "ES256"}),
    )
    keys = [
        public(rsa),
        public(elliptic),
        public(rsa, kid="encryption", use="enc", alg="RSA-OAEP"),
        public(rsa, kid="encryption with our algorithm", use="enc"),
        public(rsa, kid="other algorithm", alg="PS256"),
        public(rsa, kid=""),
        {"kty": "oct", "k": "c2VjcmV0", "use": "sig", "alg": "HS256", "kid": "secret"},
        {"kty": ["RSA"], "use": "sig", "alg": "RS256", "kid": "odd"},
    ]

    assert set(parse({"keys": keys})) == {KEY_ID, "ec"}
