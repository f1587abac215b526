"""A customer's basket in the back office: one page that only shows it. There is no database, so there are no models."""

import re

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from apps.basket import queries

# As Keycloak writes the id of a user; before and after it where users come from a directory. Nothing else is looked
# up: Redis has more than baskets.
CUSTOMER = re.compile(r"(f:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:[^\s:]{1,26})?")
LONGEST = 64  # characters that are shown again


@require_safe
def basket(request: HttpRequest) -> HttpResponse:
    """The form, and the basket of the customer that `?customer=` names."""
    typed = request.GET.get("customer", "").strip()[:LONGEST]
    context = {
        **admin.site.each_context(request),
        "title": "Basket",
        "typed": typed,
        "basket": queries.as_kept(typed) if CUSTOMER.fullmatch(typed) else None,
    }
    return TemplateResponse(request, "admin/basket/basket.html", context)


page = admin.site.admin_view(basket)
