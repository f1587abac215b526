"""What the gateway is and needs; `routes.py` says what it forwards, and where to."""

from shared.declaration import Process, Service

SERVICE = Service(
    name="gateway",
    port=8000,
    server="gateway",
    redis=1,
    processes=(Process("gateway"),),
    needs=("upstreams", "oidc_client_secret"),
    secrets=("oidc_client_secret",),
)
