"""Every address of the platform: who may do what, and which service answers.

An address that is not in this table does not exist (404). A method that no row names for an address is
refused (405); only a browser that asks to be shown an address where there is nothing to read is led to the service
all the same, with the role of what can be done there: it gets a page with forms. All of it is decided here, before
anything is forwarded. Whoever may read an address may also ask
for its HEAD and its OPTIONS. `customer` means any signed-in customer: that an order, a basket or a
notification is their own is for the service to judge, and a manager may do whatever a customer may.
"""

from gateway.route_types import (
    BACK_OFFICE,
    FORM,
    HERE,
    PAGE,
    PICTURE,
    PICTURE_PAGE,
    PROBE,
    SHARED,
    SIGN_IN,
    WEBSOCKET,
    Role,
    Route,
)

anyone, customer, manager = Role.ANYONE, Role.CUSTOMER, Role.MANAGER

# fmt: off
ROUTES = (
    #     who       may do what         at which address                                which service answers

    # The catalogue
    Route(anyone,   "GET",              "/api/products/",                               "product", SHARED),
    Route(manager,  "POST",             "/api/products/",                               "product"),
    Route(anyone,   "GET",              "/api/products/{id}/",                          "product", SHARED),
    Route(manager,  "PUT PATCH DELETE", "/api/products/{id}/",                          "product"),
    Route(manager,  "PUT",              "/api/products/{id}/picture/",                  "product", PICTURE),
    Route(manager,  "DELETE",           "/api/products/{id}/picture/",                  "product"),
    Route(anyone,   "GET",              "/api/categories/",                             "product", SHARED),
    Route(manager,  "POST",             "/api/categories/",                             "product"),
    Route(anyone,   "GET",              "/api/categories/{id}/",                        "product", SHARED),
    Route(manager,  "PUT PATCH DELETE", "/api/categories/{id}/",                        "product"),
    Route(manager,  "POST",             "/api/categories/{id}/products/",               "product"),
    Route(manager,  "DELETE",           "/api/categories/{id}/products/{product_id}/",  "product"),

    # What is in stock
    Route(anyone,   "GET",              "/api/stock/",                                  "stock"),
    Route(anyone,   "GET",              "/api/stock/{product_id}/",                     "stock"),
    Route(manager,  "PUT",              "/api/stock/{product_id}/",                     "stock"),
    Route(manager,  "POST",             "/api/stock/{product_id}/adjustments/",         "stock"),
    Route(manager,  "GET",              "/api/stock/{product_id}/movements/",           "stock"),

    # The basket
    Route(customer, "GET PUT DELETE",   "/api/basket/",                                 "basket"),
    Route(customer, "PUT DELETE",       "/api/basket/items/{product_id}/",              "basket"),

    # Orders
    Route(customer, "GET POST",         "/api/orders/",                                 "order"),
    Route(customer, "GET",              "/api/orders/{id}/",                            "order"),
    Route(customer, "POST",             "/api/orders/{id}/cancel/",                     "order"),
    Route(manager,  "POST",             "/api/orders/{id}/ship/",                       "order"),
    Route(manager,  "POST",             "/api/orders/{id}/deliver/",                    "order"),

    # How an order's placement goes, and what went wrong
    Route(customer, "GET",              "/api/sagas/",                                  "saga"),
    Route(customer, "GET",              "/api/sagas/{id}/",                             "saga"),
    Route(manager,  "POST",             "/api/sagas/{id}/retry/",                       "saga"),
    Route(manager,  "GET",              "/api/dead-letters/",                           "saga"),
    Route(manager,  "GET",              "/api/dead-letters/{id}/",                      "saga"),
    Route(manager,  "POST",             "/api/dead-letters/{id}/replay/",               "saga"),
    Route(manager,  "POST",             "/api/dead-letters/{id}/discard/",              "saga"),

    # Notifications, as a list and as they come
    Route(customer, "GET",              "/api/notifications/",                          "notification"),
    Route(customer, "POST",             "/api/notifications/{id}/read/",                "notification"),
    Route(customer, WEBSOCKET,          "/ws/notifications/",                           "notification"),

    # Pictures of products
    Route(anyone,   "GET",              "/media/products/{picture}",                    "product"),

    # The back office: one home, and each service's own admin
    Route(manager,  "GET",              "/admin/",                                      HERE, PAGE),
    Route(manager,  "GET POST",         "/admin/order/",                                "order", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/order/{page...}",                       "order", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/product/",                              "product", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/product/product/{id}/picture/",         "product", PICTURE_PAGE),
    Route(manager,  "GET POST",         "/admin/product/{page...}",                     "product", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/stock/",                                "stock", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/stock/{page...}",                       "stock", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/saga/",                                 "saga", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/saga/{page...}",                        "saga", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/notification/",                         "notification", BACK_OFFICE),
    Route(manager,  "GET POST",         "/admin/notification/{page...}",                "notification", BACK_OFFICE),
    Route(manager,  "GET",              "/admin/basket/",                               "basket", BACK_OFFICE),

    # What all of this is: an index of what the caller may do, the OpenAPI document, its page, and a page for every kind of problem
    Route(anyone,   "GET",              "/api/",                                        HERE, PAGE),
    Route(anyone,   "GET",              "/api/schema/",                                 HERE, PAGE),
    Route(anyone,   "GET",              "/api/docs/",                                   HERE, PAGE),
    Route(anyone,   "GET",              "/problems/",                                   HERE, PAGE),
    Route(anyone,   "GET",              "/problems/{slug}",                             HERE, PAGE),

    # The gateway's own: pages, and sign-in for people with a browser
    Route(anyone,   "GET",              "/",                                            HERE, PAGE),
    Route(anyone,   "GET",              "/login/",                                      HERE, SIGN_IN),
    Route(anyone,   "GET",              "/register/",                                   HERE, SIGN_IN),
    Route(anyone,   "POST",             "/logout/",                                     HERE, FORM),
    Route(anyone,   "GET",              "/session/",                                    HERE, PAGE),
    Route(anyone,   "GET",              "/oidc/callback/",                              HERE, SIGN_IN),
    Route(anyone,   "POST",             "/oidc/backchannel-logout/",                    HERE, FORM),
    Route(anyone,   "GET",              "/oidc/frontchannel-logout/",                   HERE, PAGE),
    Route(anyone,   "GET",              "/health",                                      HERE, PAGE),
    Route(anyone,   "GET",              "/health/live",                                 HERE, PROBE),
    Route(anyone,   "GET",              "/health/ready",                                HERE, PROBE),
    Route(anyone,   "GET",              "/favicon.ico",                                 HERE, PAGE),
    Route(anyone,   "GET",              "/static/{file...}",                            HERE, PAGE),
)
# fmt: on
