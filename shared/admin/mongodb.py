"""The Django apps of the admin in a service on MongoDB: as they are elsewhere, with MongoDB's own ids.

`shared.settings` chooses them by the address of the database, and their migrations
(`shared/admin/mongodb_migrations`).
"""

from django.contrib.auth.apps import AuthConfig
from django.contrib.auth.checks import check_user_model
from django.contrib.contenttypes.apps import ContentTypesConfig
from django.core import checks

from shared.admin.apps import ManagersAdminConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAdminConfig(ManagersAdminConfig):
    """Django's admin."""

    default = False
    default_auto_field = OBJECT_ID


class MongoAuthConfig(AuthConfig):
    """Django's users. Nobody looks at its permissions (a manager may do everything), so their rows are not made."""

    default = False
    default_auto_field = OBJECT_ID

    def ready(self) -> None:
        """The one of Django's checks that says something about the code."""
        checks.register(check_user_model, checks.Tags.models)


class MongoContentTypesConfig(ContentTypesConfig):
    """The names of models, which the history of the admin refers to."""

    default = False
    default_auto_field = OBJECT_ID
