"""The settings that every service shares, made from its environment."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from shared.declaration import Service
from shared.settings.environment import Environment
from shared.telemetry.logs import logging_settings

PREPARE_AFTER = 3  # times that a statement came on a connection
# A query that takes longer than this is a fault: the client has been told 503 by then.
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 4_000
CONNECT_TIMEOUT_S = 3
MONGODB = {"mongodb", "mongodb+srv"}


def service_settings(
    service: Service,
    *,
    also: Sequence[str] = (),
    environment: Environment | None = None,
    enums: dict[str, str] | None = None,
    admin: bool = False,
) -> dict[str, Any]:
    """Every Django setting of a service, as it declares itself.

    `also` are Django apps that it has besides its own; `admin`: with Django's admin. `enums` names the choices that the
    API's description shows: name there -> dotted path of the choices.
    Use in a `settings.py` as `globals().update(service_settings(SERVICE))`.
    Raises ImproperlyConfigured when the environment is not fit to start with.
    """
    env, name = environment or Environment.of(service), service.name
    return {
        "ENVIRONMENT": env,
        "SERVICE": service,
        "SERVICE_NAME": name,
        "SERVICE_PACKAGE": service.package,
        "MESSAGING_INBOX": "shared.messaging.inbox.SqlInbox",
        # The source of messages that a process of the service carries to Kafka; empty where it sends none.
        "MESSAGING_OUTBOX": "shared.messaging.postgresql.PostgresOutbox" if env.database_url else "",
        "TOKEN_VERIFIER": "shared.auth.verifier.keycloak_verifier",
        "SECRET_KEY": env.secret_key,
        "DEBUG": env.debug,
        # Links never come from the Host header: shared.http.middleware writes the gateway's address over it.
        "ALLOWED_HOSTS": ["*"],
        "SECURE_PROXY_SSL_HEADER": ("microcommerce.scheme", "https"),
        "GATEWAY_URL": env.gateway_url.rstrip("/"),
        "ROOT_URLCONF": f"{service.package}.urls",
        "INSTALLED_APPS": [
            service.package,
            *also,
            *(admin_apps(env) if admin else ()),
            "shared.messaging",
            "shared.http",
            "rest_framework",
            "django_filters",
            "drf_spectacular",
            "django.contrib.staticfiles",
        ],
        "MIDDLEWARE": [
            "shared.http.middleware.RequestContextMiddleware",
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "shared.http.middleware.HttpsOnlyMiddleware",
            "shared.http.middleware.RejectDuplicateParams",
            *(ADMIN_MIDDLEWARE if admin else ()),
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        *(ADMIN_CONTEXT if admin else ()),
                    ]
                },
            }
        ],
        "DATABASES": {"default": database(env)} if env.database_url else {},
        "DEFAULT_AUTO_FIELD": OBJECT_ID if is_on_mongodb(env) else "django.db.models.BigAutoField",
        "MIGRATION_MODULES": MONGODB_MIGRATIONS if is_on_mongodb(env) else {},
        "STORE_IS_AWAY": None,  # dotted path: whether an error of the service's own driver says so
        "CACHES": {"default": cache(env.redis_url, name)},
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "USE_I18N": False,
        "STATIC_URL": "/static/",
        "REST_FRAMEWORK": REST_FRAMEWORK,
        "SPECTACULAR_SETTINGS": {
            "TITLE": f"Microcommerce: {name}",
            "VERSION": "1",
            "OAS_VERSION": "3.1.0",
            "SERVE_INCLUDE_SCHEMA": False,
            # Operations and tags are named after what follows; guessed, every service would have a "root_list".
            "SCHEMA_PATH_PREFIX": "/api/",
            "ENFORCE_NON_BLANK_FIELDS": True,
            "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
            "ENUM_NAME_OVERRIDES": enums or {},
            "POSTPROCESSING_HOOKS": [
                "drf_spectacular.hooks.postprocess_schema_enums",
                "shared.http.openapi_extensions.describe_problems",
            ],
        },
        "READINESS": {"database": "shared.telemetry.readiness.database"} if env.database_url else {},
        "LOGGING": logging_settings(name, env),
        "LOGGING_CONFIG": "shared.telemetry.logs.configure",
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 1024 * 1024,
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 2_000,  # a yes carries as many ids as `shared.admin.options.MOST`
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SILENCED_SYSTEM_CHECKS": SILENCED,
    }


# Django's admin (shared.admin) and the history that it shows: their apps, and the middleware that touches nothing else.
ADMIN_APPS = (
    "shared.admin",
    "shared.history",
    "shared.admin.apps.ManagersAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
)
MONGODB_ADMIN_APPS = (
    "shared.admin",
    "shared.history",
    "shared.admin.mongodb.MongoAdminConfig",
    "shared.admin.mongodb.MongoAuthConfig",
    "shared.admin.mongodb.MongoContentTypesConfig",
    "django.contrib.messages",
)
ADMIN_MIDDLEWARE = (
    "shared.admin.middleware.AdminSession",
    "shared.admin.middleware.AdminIdentity",
    "shared.admin.middleware.AdminMessages",
)
ADMIN_CONTEXT = (
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)

# On MongoDB keys are ObjectIds, and migrations make collections.
OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"
MONGODB_MIGRATIONS = {
    "messaging": "shared.messaging.mongodb_migrations",
    "history": "shared.history.mongodb_migrations",
    **{name: f"shared.admin.mongodb_migrations.{name}" for name in ("admin", "auth", "contenttypes")},
}

# TLS, cookies and HSTS are the gateway's: services are reached only through it and set no cookie.
SILENCED = ["security.W003", "security.W004", "security.W008", "security.W020"]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["shared.auth.drf.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["shared.auth.drf.IsManager"],
    "DEFAULT_RENDERER_CLASSES": [
        "shared.http.renderers.JSONRenderer",
        "shared.http.renderers.PageRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "shared.http.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["shared.http.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shared.http.pagination.PagePagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "shared.http.openapi.Operation",
    "EXCEPTION_HANDLER": "shared.http.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "DATETIME_FORMAT": "iso-8601",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}


def admin_apps(env: Environment) -> tuple[str, ...]:
    """The apps of the admin; a service without a database keeps no history, and so shows none."""
    apps = MONGODB_ADMIN_APPS if is_on_mongodb(env) else ADMIN_APPS
    return apps if env.database_url else tuple(each for each in apps if each != "shared.history")


def is_on_mongodb(env: Environment) -> bool:
    """Whether the service keeps its data in MongoDB."""
    return urlsplit(env.database_url or "").scheme in MONGODB


def database(env: Environment) -> dict[str, Any]:
    """Django's DATABASES entry for `env.database_url` (postgresql:// or mongodb://)."""
    url = urlsplit(env.database_url)
    if url.scheme == "postgresql":
        return _postgresql(env)
    if url.scheme in MONGODB:
        return {"ENGINE": "django_mongodb_backend", "HOST": env.database_url, "NAME": url.path.lstrip("/")}
    raise ImproperlyConfigured(
        f"MICROCOMMERCE_DATABASE_URL starts with {url.scheme!r}: it must be postgresql:// or mongodb://"
    )


def _postgresql(env: Environment) -> dict[str, Any]:
    url = urlsplit(env.database_url)
    options: dict[str, Any] = {
        **dict(parse_qsl(url.query)),
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "microcommerce",
        # Bound by the server, a statement that comes again is neither put together here nor planned there once more.
        # What it returns must not change under it: statements name their columns, migrations add and never retype.
        "server_side_binding": True,
        "prepare_threshold": PREPARE_AFTER,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}",
    }
    if env.database_pool:
        # After `reconnect_timeout` the next borrower tries at once, instead of waiting for a long back-off to end.
        options["pool"] = {
            "min_size": 1,
            "max_size": env.database_pool,
            "timeout": CONNECT_TIMEOUT_S,
            "reconnect_timeout": CONNECT_TIMEOUT_S,
        }
    return {
        "ENGINE": "shared.postgresql",
        "HOST": url.hostname,
        "PORT": url.port or 5432,
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "OPTIONS": options,
        # A pool lends a connection for a request, which `shared.postgresql` has looked at; without one, the thread keeps
        # its own.
        "CONN_MAX_AGE": 0 if env.database_pool else None,
        "CONN_HEALTH_CHECKS": not env.database_pool,
    }


def cache(redis_url: str, name: str) -> dict[str, Any]:
    """A django-redis cache. Errors surface: a caller that can do without the cache says so itself."""
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": name,
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2},
    }
