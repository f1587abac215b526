"""Every process says how it is; the gateway says how all of it is."""

from tests.system.caller import Caller
from tests.system.platform import INFRASTRUCTURE, Platform
from tests.system.problems import problem
from tests.system.shopper import Shopper

SERVICES = {"product", "order", "stock", "basket", "notification", "saga"}
STORES = {"keycloak", "redis", "kafka", "database"}


def test_the_gateway_sums_up_all_services_and_stores(anybody: Shopper) -> None:
    """One address for everybody's health. Red without one of `stores` in `Health._ask_all`."""
    health = anybody.read("/health")
    assert health["status"] == "ok"
    assert set(health["services"]) == SERVICES
    assert {service["status"] for service in health["services"].values()} == {"ok"}
    named = {name.rpartition(": ")[2] for name in health["stores"]}
    assert named >= STORES
    assert set(health["stores"].values()) == {"ok"}
    for probe in ("/health/live", "/health/ready"):
        assert anybody.send("GET", probe).status_code == 200


def test_every_process_answers_probes_and_is_measured(platform: Platform) -> None:
    """Also those without an API. Red without `metrics` in `shared/http/health.py`."""
    for process in platform.processes().values():
        if process.service != INFRASTRUCTURE:
            for path in ("/health/live", "/health/ready", "/metrics"):
                answer = Caller(f"http://127.0.0.1:{process.port}").send("GET", path)
                if process.name == "gateway" and path == "/metrics":
                    assert answer.status_code in {200, 404}, "the gateway may measure itself on another port"
                    continue
                assert answer.status_code == 200, f"{process.name}{path}: {answer.text}"


def test_measurements_are_for_the_inside_only(anybody: Shopper, manager: Shopper) -> None:
    """`/metrics` is never routed. Red with a row for it in `gateway/routes.py`."""
    for caller in (anybody, manager):
        problem(caller.send("GET", "/metrics"), 404)
        problem(caller.send("GET", "/metrics/"), 404)
