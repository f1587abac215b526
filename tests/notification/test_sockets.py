"""A live connection as a client sees it."""

import json

import pytest
from websockets.sync.client import connect

from shared.testing.tokens import make_token
from tests.notification.processes import Api
from tests.notification.story import tell

pytestmark = pytest.mark.django_db(transaction=True)


def test_smoke(api: Api, customer: str) -> None:
    tell(customer, 3)
    with connect(api.socket_url("?after=0"), additional_headers={"Authorization": f"Bearer {make_token(customer)}"}) as ws:
        print([ws.recv(timeout=5) for _ in range(3)])
        tell(customer)
        import time
        t=time.time()
        print(ws.recv(timeout=20), time.time()-t)
