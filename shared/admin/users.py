"""The row that Django's admin needs for whoever changes something: made from the verified token, good for nothing else."""

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from shared.auth.principal import Principal

if TYPE_CHECKING:
    from django.contrib.auth.models import User as ManagersUser
else:
    ManagersUser = object


def user_of(principal: Principal) -> "ManagersUser":
    """The user of `principal`, found by Keycloak's `sub`; it has no password that could ever be right.

    Being staff is not kept: it holds for this request, because its token says so.
    """
    users = get_user_model()
    user, is_new = users.objects.get_or_create(
        username=principal.subject, defaults={"first_name": principal.username, "password": "!"}
    )
    if not is_new and user.first_name != principal.username:
        user.first_name = principal.username
        user.save(update_fields=["first_name"])
    user.is_staff = user.is_superuser = principal.is_manager
    return user
