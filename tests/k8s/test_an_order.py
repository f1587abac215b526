"""The way of one order through the cluster: gateway, saga, stock, live push."""

import json

from tests.k8s.shop import Shop, Shopper


def test_an_order_is_bought_and_its_customer_hears_of_it_live(shop: Shop, alice: Shopper) -> None:
    """Red when any arrow on the way is closed: gateway to services, consumers and product's relay to Kafka, all to their stores."""
    product = shop.products(1)[0]
    with alice.listen() as socket:
        answer = alice.order(product)
        assert answer.status_code == 201, answer.text
        order = answer.json()["id"]
        told = set()
        while "order.confirmed" not in told:
            message = json.loads(socket.recv(timeout=120))
            if message["order_id"] == order:
                told.add(message["event"])
    assert alice.state(order) == "confirmed"


def test_metrics_are_not_for_clients(alice: Shopper) -> None:
    """Red when the gateway routes /metrics."""
    assert alice.ask("GET", "/metrics").status_code == 404


def test_the_back_office_is_not_for_customers(alice: Shopper) -> None:
    assert alice.ask("GET", "/admin/order/").status_code == 403
