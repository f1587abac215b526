"""The row that Django's admin needs for whoever changes something: made from the verified token, good for nothing else."""

from typing import TYPE_CHECKING

from django.conf import settings

from shared.auth.principal import Principal

if TYPE_CHECKING:
    from django.contrib.auth.models import User


LONGEST_NAME = 150  # letters that Django keeps of a first name; Keycloak takes longer ones


def user_of(principal: Principal) -> "User":
    """The user of `principal`, found by Keycloak's `sub`; it has no password that could ever be right.

    Being staff is not kept: it holds for this request, because its token says so. A service without a database, whose
    pages only show something, keeps no row either.
    """
    from django.contrib.auth.models import User  # a middleware is imported before the models are

    known = {"first_name": principal.username[:LONGEST_NAME], "password": "!"}
    if not settings.ENVIRONMENT.database_url:
        user, is_new = User(username=principal.subject, **known), True
    else:
        user, is_new = User.objects.get_or_create(username=principal.subject, defaults=known)
    if not is_new and user.first_name != known["first_name"]:
        user.first_name = known["first_name"]
        user.save(update_fields=["first_name"])
    user.is_staff = user.is_superuser = principal.is_manager
    return user
