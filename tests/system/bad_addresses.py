"""Addresses that lead nowhere and queries that mean nothing, each with what it is answered."""

from tests.system.endpoints import UNKNOWN_LETTER, UNKNOWN_PRODUCT

UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000"
NO_PRODUCT_IDS = [UNKNOWN_PRODUCT, "0", "f" * 23, "f" * 25, "F" * 24, "not-an-id", "$ne", "null", "1'--"]
NO_UUIDS = [UNKNOWN_ORDER, "0", "not-a-uuid", UNKNOWN_ORDER.replace("-", ""), "1'--", "f" * 40]
NO_NUMBERS = [str(UNKNOWN_LETTER), "x", "-1", "1.5", "9" * 30]

# method, path with `{}` for the id, wrong ids; a manager asks, so that nothing but the id is wrong
LEAD_NOWHERE = [
    ("GET", "/api/products/{}/", NO_PRODUCT_IDS),
    ("PATCH", "/api/products/{}/", NO_PRODUCT_IDS),
    ("DELETE", "/api/products/{}/", NO_PRODUCT_IDS),
    ("GET", "/api/categories/{}/", NO_PRODUCT_IDS),
    ("DELETE", "/api/categories/{}/", NO_PRODUCT_IDS),
    ("GET", "/api/stock/{}/", NO_PRODUCT_IDS),
    ("PUT", "/api/stock/{}/", NO_PRODUCT_IDS),
    ("POST", "/api/stock/{}/adjustments/", NO_PRODUCT_IDS),
    ("GET", "/api/stock/{}/movements/", NO_PRODUCT_IDS),
    ("PUT", "/api/basket/items/{}/", NO_PRODUCT_IDS),
    ("GET", "/api/orders/{}/", NO_UUIDS),
    ("POST", "/api/orders/{}/cancel/", NO_UUIDS),
    ("POST", "/api/orders/{}/ship/", NO_UUIDS),
    ("POST", "/api/orders/{}/deliver/", NO_UUIDS),
    ("GET", "/api/sagas/{}/", NO_UUIDS),
    ("POST", "/api/sagas/{}/retry/", NO_UUIDS),
    ("POST", "/api/dead-letters/{}/replay/", NO_NUMBERS),
    ("POST", "/api/dead-letters/{}/discard/", NO_NUMBERS),
    ("POST", "/api/notifications/{}/read/", NO_NUMBERS),
    ("GET", "/api/{}/", ["nothing", "users", "admin"]),
    ("GET", "/{}", ["metrics", "admin/login"]),
]
# A body that is good for every path above that takes one.
GOOD_BODY = {"quantity": 1, "on_hand": 1, "delta": 1, "reason": "found", "name": "x"}

# path, query, status
LISTS = [
    "/api/products/",
    "/api/categories/",
    "/api/orders/",
    "/api/stock/",
    "/api/sagas/",
    "/api/dead-letters/",
    "/api/notifications/",
]
MEAN_NOTHING = [
    *[(path, "page=999999", 404) for path in LISTS],
    *[
        (path, query, 400)
        for path in LISTS
        for query in ("page=0", "page=-1", "page=x", "page=1e3", "page=last", "page_size=0", "page_size=x")
    ],
    ("/api/orders/", "status=nonsense", 400),
    ("/api/orders/", "created_after=yesterday", 400),
    ("/api/orders/", "created_before=2026-13-45", 400),
    ("/api/products/", "min_price=cheap", 400),
    ("/api/products/", "max_price=-1", 400),
    ("/api/products/", "min_price=NaN", 400),
    ("/api/products/", "ordering=password", 400),
    ("/api/products/", "ordering=-id__gt", 400),
    ("/api/products/", "category=%24ne", 400),
    ("/api/products/", "search=" + "x" * 300, 400),
    ("/api/stock/", "product_id=not-an-id", 400),
    ("/api/stock/", "&".join(f"product_id={number:024x}" for number in range(101)), 400),
    ("/api/sagas/", "order_id=not-a-uuid", 400),
    ("/api/sagas/", "status=nonsense", 400),
    ("/api/dead-letters/", "status=nonsense", 400),
    ("/api/notifications/", "after=x", 400),
    ("/api/notifications/", "after=-1", 400),
    ("/api/notifications/", "after=1e3", 400),
    ("/api/notifications/", "after=" + "9" * 30, 400),
    ("/api/notifications/", "after=1&after=2", 400),
]

# What a query might ask of the tables behind the lists, if names of columns meant anything.
LOOK_UPS = [
    "customer_id=x",
    "customer_id__ne=x",
    "user__password=x",
    "lines__quantity__gt=1000000",
    "id__in=x",
    "id=x",
    "pk=x",
    "status__startswith=x",
    "order_id__isnull=true",
    "payload__contains=x",
    "price__lt=0",
    "name__regex=^x",
    "$where=1",
    "_id[$ne]=x",
    "available__lt=0",
    "read_at__isnull=false",
]

# Addresses that two programs could read in two ways; they must not reach a service.
TRICKS = [
    "/api//orders/",
    "//api/orders/",
    "/api/orders/%2e%2e/",
    "/api/orders/../products/",
    "/api/./orders/",
    "/api/%6frders/",
    "/api/orders%2f",
    "/api/orders/..;/",
    "/api/orders;a=b/",
    "/api\\orders/",
    "/api/orders/%00/",
    "/api/orders/%c0%af/",
    "/API/ORDERS/",
    "/.env",
    "/.git/config",
]

# What nobody may do anywhere.
NOT_ALLOWED = [
    ("PATCH", "/api/orders/"),
    ("DELETE", "/api/orders/{order}/"),
    ("PUT", "/api/orders/{order}/"),
    ("GET", "/api/orders/{order}/cancel/"),
    ("POST", "/api/products/{product}/"),
    ("DELETE", "/api/products/"),
    ("POST", "/api/stock/{product}/"),
    ("DELETE", "/api/stock/{product}/movements/"),
    ("POST", "/api/basket/"),
    ("PATCH", "/api/basket/items/{product}/"),
    ("POST", "/api/sagas/"),
    ("DELETE", "/api/notifications/"),
    ("TRACE", "/api/orders/"),
    ("POST", "/health"),
]
