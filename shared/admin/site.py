"""The admin site of one service."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from shared.admin import figures

ADMINS = "X-Microcommerce-Admins"  # the gateway's, which knows them by its route table
LATEST = 10  # changes on a service's first page
NOT_HERE = {"logout", "password_change", "password_change_done"}


class ManagersSite(AdminSite):
    """A service's admin: whoever runs the shop may do here what the service's operations allow."""

    site_header = "Microcommerce"
    enable_nav_sidebar = False
    index_template = "admin/service_index.html"

    @property
    def site_title(self) -> str:  # type: ignore[override]
        """What stands in a browser's tab."""
        return f"{settings.SERVICE_NAME} – back office"

    @property
    def index_title(self) -> str:  # type: ignore[override]
        """The heading of the service's first page."""
        return str(settings.SERVICE_NAME).capitalize()

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """As Django's; its own users and groups are not for anybody to look at: Keycloak has the people."""
        models: list[Any] = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        )
        shown = [model for model in models if model._meta.app_label != "auth"]
        super().register(shown, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this request's token has the role `manager`; `AdminIdentity` has looked."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """People sign in at the gateway, nowhere else."""
        target = request.GET.get("next") or f"/admin/{settings.SERVICE_NAME}/"
        return HttpResponseRedirect(f"/login/?{urlencode({'next': target})}")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows; its header leads to the admins of the other services."""
        admins = request.headers.get(ADMINS, settings.SERVICE_NAME).split(",")
        return {**super().each_context(request), "admins": admins, "service": settings.SERVICE_NAME}

    def figures(self, request: HttpRequest) -> HttpResponse:
        """What needs doing in this service, in numbers."""
        return JsonResponse(figures.of_this_service())

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The service's first page, with what was changed last."""
        from shared.history.models import Change  # a site is made before the models are
        from shared.history.newest import newest

        latest = newest(Change.objects.all(), slice(0, LATEST))
        return super().index(request, {"latest": latest, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Each model at its own name, since a service's admin is one app's; no addresses about passwords."""
        models = {f"{each._meta.app_label}/{each._meta.model_name}/": each for each in self._registry}
        found: list[URLPattern | URLResolver] = [
            path("sign-out/", self.login, name="logout"),
            path("figures/", self.admin_view(require_safe(self.figures)), name="figures"),
        ]
        for each in super().get_urls():
            if model := models.get(str(each.pattern)):
                found.append(path(f"{model._meta.model_name}/", include(self._registry[model].urls)))
            elif getattr(each, "name", None) not in NOT_HERE:
                found.append(each)
        return found
