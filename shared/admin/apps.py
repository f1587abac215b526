"""The two Django apps of the admin: Django's own with this platform's site, and the look and words of it."""

from django.apps import AppConfig
from django.contrib.admin import apps as django_admin


class BackOfficeConfig(AppConfig):
    """Templates and style sheets; it stands before Django's admin, so that its templates come first."""

    name = "shared.admin"
    label = "backoffice"
    default = True


class ManagersAdminConfig(django_admin.AdminConfig):
    """Django's admin, with `ManagersSite` as `admin.site`."""

    default = False
    default_site = "shared.admin.site.ManagersSite"
