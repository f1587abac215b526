"""Fixtures of the system tests: a running platform, people, and a shop for them to buy in.

`python manage_all.py test system` brings up a platform of its own for them. Against one that is running:
`.venv/bin/python -m pytest tests/system`. `--release` makes every crowd and every series larger.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from playwright.sync_api import Browser, sync_playwright

from launcher.browser import chromium
from tests.system.browser_page import BrowserPage
from tests.system.dead_letters import DeadLetters
from tests.system.endpoints import ENDPOINTS
from tests.system.keycloak import Account, Keycloak, LogIn, claims_of
from tests.system.platform import Platform
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.signer import Signer
from tests.system.topics import Topics
from tests.system.waiting import HEAL, eventually

AT_ONCE = 4
NewShopper = Callable[[], Shopper]
Crowd = Callable[[int], list[Shopper]]
Settle = Callable[[], None]
Registered = Callable[[Account], Shopper]
OpenWindow = Callable[[], BrowserPage]
WAIT_MS = 30_000  # for a page on a busy machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--release",
        action="store_true",
        help="sizes for a release instead of those for two cores and minutes",
    )


@dataclass(frozen=True)
class Sizes:
    """How large the crowds are and how long the series."""

    buyers: int = 50
    pieces: int = 10
    last_units: int = 5
    contested_orders: int = 8  # by each of two buyers
    cancellations: int = 10
    same_key: int = 10
    orders_around_a_kill: int = 8
    every_crash_point: bool = False  # in every process that passes it, instead of in one
    chaos_minutes: float = 1.0
    flushes: int = 2
    sleep: float = 15.0  # seconds: longer than a relay's lease and a consumer's session
    store_away: float = 3.0  # seconds, in which everything is asked at least once
    drawn: int = 15  # requests of each operation for each caller, beside those that schemathesis always sends


RELEASE = Sizes(
    buyers=500,
    pieces=100,
    last_units=100,
    contested_orders=100,
    cancellations=200,
    same_key=50,
    orders_around_a_kill=100,
    every_crash_point=True,
    chaos_minutes=10.0,
    flushes=10,
    sleep=60.0,
    store_away=30.0,
    drawn=200,
)


def pytest_configure(config: pytest.Config) -> None:
    """What hypothesis has to know before tests are collected: how many requests schemathesis draws, and which."""
    is_release = bool(config.getoption("--release"))
    settings.register_profile(
        "system",
        max_examples=RELEASE.drawn if is_release else Sizes.drawn,
        derandomize=not is_release,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("system")


@pytest.fixture(scope="session")
def sizes(request: pytest.FixtureRequest) -> Sizes:
    return RELEASE if request.config.getoption("--release") else Sizes()


@pytest.fixture(scope="session")
def platform() -> Platform:
    return Platform()


@pytest.fixture(scope="session")
def keycloak(platform: Platform) -> Keycloak:
    return Keycloak(platform.urls["keycloak"])


@pytest.fixture(scope="session")
def records(platform: Platform) -> Iterator[Records]:
    found = Records(platform.urls)
    yield found
    found.close()


@pytest.fixture(scope="session")
def topics(platform: Platform) -> Topics:
    return Topics(platform.urls["kafka"])


@pytest.fixture(scope="session")
def settle(records: Records, topics: Topics) -> Settle:
    """Waits until everything that was begun has ended, and every message is handled."""

    def wait() -> None:
        eventually(records.under_way, lambda left: not left, within=2 * HEAL, what="a quiet shop")
        topics.wait_until_handled()
        eventually(records.under_way, lambda left: not left, within=2 * HEAL, what="a quiet shop")

    return wait


@pytest.fixture(scope="session", autouse=True)
def invariants(platform: Platform, settle: Settle) -> Iterator[None]:
    """The last word: whatever the tests did, the shop has kept its promises (docs/promises.md)."""
    settle()
    before = platform.check()
    yield
    settle()
    after = platform.check()
    broken = {name: new for name, found in after.items() if (new := sorted(set(found) - set(before[name])))}
    assert not broken, broken


@pytest.fixture(scope="session")
def manager(platform: Platform, keycloak: Keycloak) -> Shopper:
    """Mia runs the shop."""
    return Shopper(platform.urls["gateway"], keycloak.log_in(Account("mia", "mia")))


@pytest.fixture(scope="session")
def anybody(platform: Platform) -> Shopper:
    """Somebody without a token."""
    return Shopper(platform.urls["gateway"])


@pytest.fixture(scope="session")
def signer(platform: Platform, keycloak: Keycloak, manager: Shopper) -> Iterator[Signer]:
    """Signs tokens with a key that every door knows by now: those that are good are taken."""
    assert manager.log_in
    found, says = Signer(keycloak), claims_of(manager.log_in.token)
    somebody = Shopper("", LogIn(lambda: found.sign(says)))
    for each in ENDPOINTS:
        if each.method == "GET" and "{" not in each.path and each.answer == 200:
            for door in (platform.urls["gateway"], platform.door(each.service)):
                eventually(
                    partial(somebody.at(door).send, "GET", each.path),
                    lambda answer: answer.status_code == 200,
                    within=HEAL,
                    what=f"{door}{each.path} with a new key",
                )
    yield found
    found.remove()


@pytest.fixture(scope="session")
def shop(manager: Shopper, invariants: None) -> Iterator[Shop]:
    found = Shop(manager)
    yield found
    found.clear_out()


@pytest.fixture(scope="session")
def everybody(keycloak: Keycloak, invariants: None) -> Iterator[list[Shopper]]:
    """Every customer that was made so far; their accounts are closed at the end."""
    customers: list[Shopper] = []
    yield customers
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(keycloak.close_account, [each.account for each in customers if each.account]))


@pytest.fixture(scope="session")
def registered(platform: Platform, keycloak: Keycloak, everybody: list[Shopper]) -> Registered:
    """Makes a customer of an account."""

    def make(account: Account) -> Shopper:
        everybody.append(Shopper(platform.urls["gateway"], keycloak.log_in(account), account))
        return everybody[-1]

    return make


@pytest.fixture(scope="session")
def new_shopper(keycloak: Keycloak, registered: Registered) -> NewShopper:
    """Makes customers whom no other test knows."""
    return lambda: registered(keycloak.open_account())


@pytest.fixture(scope="session")
def new_manager(platform: Platform, keycloak: Keycloak, invariants: None) -> Iterator[NewShopper]:
    """Makes managers whom no other test knows; none of them is ever part of a crowd."""
    accounts: list[Account] = []

    def make() -> Shopper:
        accounts.append(keycloak.open_account("manager"))
        keycloak.make_manager(accounts[-1])
        return Shopper(platform.urls["gateway"], keycloak.log_in(accounts[-1]), accounts[-1])

    yield make
    for each in accounts:
        keycloak.close_account(each)


@pytest.fixture(scope="session")
def crowd(everybody: list[Shopper], new_shopper: NewShopper) -> Crowd:
    """So many customers who are logged in; those who have shopped before come first."""

    def gather(size: int) -> list[Shopper]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: new_shopper(), range(size - len(everybody))))
            assert len(set(pool.map(lambda buyer: buyer.id, everybody[:size]))) == size
        return everybody[:size]

    return gather


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Pages of our own only, so without the sandbox, which root and containers cannot have.
        browser = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def new_window(browser: Browser, platform: Platform) -> OpenWindow:
    """Opens windows of people who share no cookie."""

    def open_window() -> BrowserPage:
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(WAIT_MS)
        return BrowserPage.open(context, platform.urls["gateway"])

    return open_window


@pytest.fixture(scope="module")
def mia(new_window: OpenWindow) -> BrowserPage:
    """A window in which the manager is signed in."""
    window = new_window()
    window.sign_in(Account("mia", "mia"), "/admin/")
    return window


@pytest.fixture(scope="module")
def letters(manager: Shopper, settle: Settle, invariants: None) -> Iterator[DeadLetters]:
    """The dead letters of a module's tests, which leave none for a manager to look at."""
    found = DeadLetters(manager)
    yield found
    settle()  # what a manager has replayed is given up again
    found.discard_all()


@pytest.fixture
def shopper(new_shopper: NewShopper) -> Shopper:
    """A customer who has never bought anything."""
    return new_shopper()


@pytest.fixture
def other(new_shopper: NewShopper) -> Shopper:
    """Another one."""
    return new_shopper()
