"""Readers share an answer for a moment, and nobody is shown what is not theirs or not so any more."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from gateway.proxy.response_cache import LARGEST_BODY, CachedResponse, ResponseCache, seconds_fresh
from shared.testing.tokens import BOB
from tests.gateway.client import Answer, as_customer, as_manager
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

LIST = "/api/products/?do=catalogue"


@pytest.fixture(scope="module")
def sharing(start_gateway: StartGateway, clean_redis: Redis) -> Iterator[GatewayProcess]:
    """A gateway that keeps answers for longer than any test takes."""
    with start_gateway(SHARED_SECONDS="60") as gateway:
        listening(gateway)
        yield gateway


def listening(gateway: GatewayProcess) -> None:
    """Wait until it hears of changes: when it begins to, it lets go of everything once."""
    deadline = time.monotonic() + 60
    while "Listening to product.events" not in gateway.log.read_text():
        assert time.monotonic() < deadline, "the gateway does not listen"
        time.sleep(0.05)


@pytest.fixture
def door(sharing: GatewayProcess, service: EchoService) -> GatewayProcess:
    """The same, keeping nothing yet, before a service that has seen nothing."""
    sharing.call("POST", "/api/products/", as_manager(), body=b"{}")
    service.seen.clear()
    return sharing


def read(door: GatewayProcess, target: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
    answer = door.call(method, target, *headers)
    assert answer.status == 200, answer.body
    return answer


def test_the_second_reader_is_answered_from_what_the_first_was_told(
    door: GatewayProcess, service: EchoService
) -> None:
    """With the answer's age, and its tag. Red when the service is asked again, or the age is not told."""
    first = read(door, LIST)
    time.sleep(1.1)
    second = read(door, LIST)
    assert (second.body, second.headers["ETag"]) == (first.body, '"v1"')
    assert int(second.headers["Age"]) >= 1
    assert len(service.seen) == 1
    assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_a_crowd_that_comes_at_once_asks_once(door: GatewayProcess, service: EchoService) -> None:
    """Red when each of those who wait for the same answer asks for it."""
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: read(door, LIST + "&seconds=1"), range(12)))
    assert len({answer.body for answer in answers}) == 1
    assert len(service.seen) == 1


def test_who_has_the_answer_is_told_so(door: GatewayProcess, service: EchoService) -> None:
    """304, also when this reader is the first, whose condition must not reach the service. Red when it does."""
    for tag in ('"v1"', 'W/"v1"', '"v0", "v1"', "*"):
        answer = door.call("GET", LIST, ("If-None-Match", tag))
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", '"v1"')
        assert answer.headers["Vary"] == "Accept"
    assert read(door, LIST, ("If-None-Match", '"v0"')).body == b"000001"
    (seen,) = service.seen
    assert seen.header("If-None-Match") == []


def test_who_wants_one_state_and_no_other_is_answered_by_the_service(
    door: GatewayProcess, service: EchoService
) -> None:
    """Red when what is kept is shown whatever If-Match says."""
    read(door, LIST)
    read(door, LIST, ("If-Match", '"v0"'))
    assert [seen.header("If-Match") for seen in service.seen] == [[], ['"v0"']]


def test_a_manager_is_answered_by_the_service(door: GatewayProcess, service: EchoService) -> None:
    """And what a manager is told is told to nobody else. Red when it is kept, or what is kept is a manager's answer."""
    manager = as_manager()
    bodies = [read(door, LIST, *who).body for who in ([manager], [], [manager], [as_customer()])]
    assert bodies == [b"000001", b"000002", b"000003", b"000002"]
    assert [seen.header("Authorization") for seen in service.seen] == [[manager[1]], [], [manager[1]]]


def test_a_customer_is_shown_what_anybody_is_shown(door: GatewayProcess, service: EchoService) -> None:
    """The service is not told whom it answers. Red when the first customer's token is, or the others ask again."""
    bodies = [read(door, LIST, *who).body for who in ([as_customer()], [as_customer(BOB)], [])]
    assert bodies == [b"000001"] * 3
    (seen,) = service.seen
    assert seen.header("Authorization") == []


def test_what_is_shared_with_a_customer_is_kept_by_nobody_on_the_way(door: GatewayProcess) -> None:
    """Whether fetched or kept, whole or known. Red when a customer's answer lacks what every signed-in answer says."""
    for headers in ((), (), (("If-None-Match", '"v1"'),)):
        answer = door.call("GET", LIST, as_customer(), *headers)
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert door.call("GET", LIST).headers["Cache-Control"] is None


def test_a_page_for_people_names_them_and_is_not_shared(door: GatewayProcess, service: EchoService) -> None:
    """Whatever tag it has. Red when a customer's page is kept, or is made for nobody."""
    browser = ("Accept", "text/html,application/xhtml+xml")
    customers = as_customer(), as_customer(BOB)
    for target, headers in ((LIST, [browser]), (LIST + "&format=api", [])):
        service.seen.clear()
        for who in customers:
            read(door, target, who, *headers)
        assert [seen.header("Authorization") for seen in service.seen] == [[who[1]] for who in customers]


@pytest.mark.parametrize("how", ["do=catalogue&cache=private", "do=catalogue&etag=", "do=status&status=404"])
def test_where_nothing_can_be_shared_a_customer_is_answered_by_name(
    how: str, door: GatewayProcess, service: EchoService
) -> None:
    """Red when a customer is told what nobody was told, which is another thing where it is not shared."""
    customer = as_customer()
    door.call("GET", f"/api/products/?{how}", customer)
    assert [seen.header("Authorization") for seen in service.seen] == [[], [customer[1]]]


def test_the_newest_at_any_price_and_a_part_are_not_shared(
    door: GatewayProcess, service: EchoService
) -> None:
    """A browser's reload comes with no-cache. Red when it is answered from what is kept."""
    read(door, LIST)
    for header in (("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Range", "bytes=0-1")):
        read(door, LIST, header)
    assert len(service.seen) == 4


def test_the_order_of_names_in_a_query_says_nothing(door: GatewayProcess, service: EchoService) -> None:
    """Another value, another Accept or another path is another question. Red when two questions get one answer."""
    read(door, LIST + "&a=1&b=2")
    read(door, "/api/products/?b=2&do=catalogue&&a=1")
    assert len(service.seen) == 1
    read(door, LIST + "&a=2&b=1")
    read(door, LIST + "&a=1&b=2&b=1")
    read(door, LIST + "&a=1&b=2", ("Accept", "text/html"))
    read(door, "/api/categories/?do=catalogue&a=1&b=2")
    assert len(service.seen) == 5


def test_head_is_answered_from_what_get_brought(door: GatewayProcess, service: EchoService) -> None:
    """Red when HEAD has a body, asks again, or leaves an answer without a body for GET."""
    assert read(door, LIST, method="HEAD").body == b""
    assert read(door, LIST).body == b"000002"
    head = read(door, LIST, method="HEAD")
    assert (head.body, head.headers["Content-Length"], head.headers["ETag"]) == (b"", "6", '"v1"')
    assert [seen.method for seen in service.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    "how",
    [
        "cache=private",
        "cache=max-age=5,%20no-store",
        "vary=Accept,%20Cookie",
        "vary=*",
        "etag=",
        f"size={LARGEST_BODY}",
    ],
)
def test_what_a_service_does_not_share_is_not_kept(
    how: str, door: GatewayProcess, service: EchoService
) -> None:
    """Red when the gateway shares more than the service said."""
    assert read(door, f"{LIST}&{how}").body != read(door, f"{LIST}&{how}").body
    assert len(service.seen) == 2


@pytest.mark.parametrize("deed", ["echo", "status&status=400", "status&status=500"])
def test_a_change_empties_whatever_became_of_it(
    deed: str, door: GatewayProcess, service: EchoService
) -> None:
    """Also of another address, and before the manager hears of it. Red when a price of before is shown after it."""
    before = read(door, LIST).body
    door.call("PUT", f"/api/products/abc/?do={deed}", as_manager(), body=b"{}")
    assert read(door, LIST).body != before


def test_a_refused_change_empties_nothing(door: GatewayProcess, service: EchoService) -> None:
    """Red when anybody can keep the gateway from keeping anything."""
    before = read(door, LIST).body
    assert door.call("PUT", "/api/products/abc/", as_customer(), body=b"{}").status == 403
    assert door.call("POST", "/api/products/", body=b"{}").status == 401
    assert read(door, LIST).body == before


def test_an_answer_of_before_a_change_is_not_kept_after_it(
    door: GatewayProcess, service: EchoService
) -> None:
    """Red when what was asked for before the change is shown to those who come after it."""
    slow = LIST + "&seconds=1"
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(read, door, slow)
        while not service.seen:
            time.sleep(0.01)
        door.call("PUT", "/api/products/abc/", as_manager(), body=b"{}")
        late = read(door, slow)  # comes while the other one is still under way
        assert early.result().body != late.body
        early = pool.submit(read, door, slow + "&a=1")
        while len(service.seen) < 4:
            time.sleep(0.01)
        door.call("PUT", "/api/products/abc/", as_manager(), body=b"{}")
        assert early.result().body != read(door, slow + "&a=1").body


def test_who_has_seen_the_new_of_one_thing_is_not_shown_the_old_of_another(
    door: GatewayProcess, service: EchoService
) -> None:
    """A change through another gateway, before its event comes. Red without `_note_revision`, or where a late answer counts."""
    first, second = LIST + "&revision=1", LIST + "&a=1&revision=1"
    before = read(door, first).body, read(door, second).body
    assert (read(door, first).body, read(door, second).body) == before
    with ThreadPoolExecutor(1) as pool:
        asked = len(service.seen)
        late = pool.submit(read, door, LIST + "&seconds=1&revision=1")
        while len(service.seen) == asked:
            time.sleep(0.01)
        changed = read(door, LIST + "&revision=2").body
        late.result()  # asked for before the change was seen, and answered after it: empties nothing
    asked = len(service.seen)
    assert read(door, LIST + "&revision=2").body == changed
    assert len(service.seen) == asked
    assert read(door, first).body != before[0]


def test_whoever_waited_for_what_cannot_be_shared_asks_for_themselves(
    door: GatewayProcess, service: EchoService
) -> None:
    """Red when an answer without a tag is shared after all, or those who waited for it get none."""
    with ThreadPoolExecutor(4) as pool:
        target = "/api/products/?do=wait&seconds=0.5"
        answers = list(pool.map(lambda _: door.call("GET", target), range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert len(service.seen) == 4


@pytest.mark.parametrize("caller", [(), (as_customer(),)], ids=["anybody", "a customer"])
def test_a_service_that_waits_for_its_store_in_vain_is_asked_once(
    caller: tuple[tuple[str, str], ...], door: GatewayProcess, service: EchoService
) -> None:
    """Red when a customer, or who waited for another's answer, waits twice as long to hear that the store is away."""
    with ThreadPoolExecutor(4) as pool:
        target = "/api/products/?do=status&status=503&seconds=0.5"
        answers = list(pool.map(lambda _: door.call("GET", target, *caller), range(4)))
    assert [answer.status for answer in answers] == [503] * 4
    assert len(service.seen) == 1


KEPT = CachedResponse([(b"etag", b'"a"')], b"x" * 1000, b'"a"', 0.0, 10.0)


def test_memory_is_bounded_and_the_least_wanted_goes_first() -> None:
    """Red when made-up queries fill the memory, or push out what everybody asks for."""
    keep = ResponseCache(10_000)
    for number in range(50):
        keep.put((b"/", b"%d" % number, b""), KEPT)
        assert keep.find((b"/", b"0", b""), 1.0)
        assert keep.size <= 10_000
    assert keep.find((b"/", b"1", b""), 1.0) is None
    assert keep.find((b"/", b"49", b""), 10.0) is None, "its time was over"
    keep.empty()
    assert (keep.size, keep.find((b"/", b"0", b""), 1.0)) == (0, None)


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        (b"", 3),
        (b"max-age=1", 1),
        (b"max-age=0", 0),
        (b"max-age=0, s-maxage=2", 2),
        (b"public, Max-Age=900", 3),
    ],
)
def test_a_service_may_shorten_the_time_and_not_lengthen_it(control: bytes, seconds: float) -> None:
    """Red when `max-age` is ignored, or the gateway's own limit is."""
    headers = [(b"etag", b'"a"'), (b"content-length", b"5"), (b"cache-control", control)]
    assert seconds_fresh(200, headers, 3.0) == seconds
    assert seconds_fresh(206, headers, 3.0) == 0
