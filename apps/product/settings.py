"""Settings of the product service: only what differs from the other services."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from apps.product.service import SERVICE
from shared.declaration import Service
from shared.settings import Environment, service_settings
from shared.settings.environment import PREFIX

BUCKET = re.compile(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)  # docs.aws.amazon.com, "General purpose bucket naming rules"


class ProductEnvironment(Environment):
    """The environment of a process of the product service: the shared one, and where uploaded pictures are kept."""

    media_directory: str = Field(
        default="",
        description="the folder that keeps uploaded pictures, as an absolute path, shared by all processes; or else a bucket",
    )
    media_bucket: str = Field(default="", description="the S3 bucket that keeps uploaded pictures instead")
    media_endpoint: str = Field(default="", description="where S3 answers, if it is not Amazon's")
    media_region: str = Field(default="", description="the bucket's region")
    media_access_key: str = Field(
        default="", description="who asks S3; without it the machine's own role or ~/.aws says who"
    )
    media_secret_key: str = Field(default="", description="the secret of that access key")

    @classmethod
    def development_defaults(cls, service: Service) -> dict[str, Any]:
        """In development pictures lie beside the stores' data, unless a bucket has them."""
        defaults = super().development_defaults(service)
        if os.environ.get(f"{PREFIX}MEDIA_BUCKET"):
            del defaults["media_directory"]
        return defaults

    def missing(self, service: Service) -> Iterator[str]:
        """What the service cannot do without."""
        yield from super().missing(service)
        yield from self._unfit_for_pictures()

    def _unfit_for_pictures(self) -> Iterator[str]:
        name = f"{PREFIX}MEDIA_"
        if bool(self.media_directory) == bool(self.media_bucket):
            yield f"{name}DIRECTORY, {name}BUCKET: set one of them and not both"
        if self.media_directory and not Path(self.media_directory).is_absolute():
            yield f"{name}DIRECTORY: is no absolute path"
        if self.media_bucket and not BUCKET.fullmatch(self.media_bucket):
            yield f"{name}BUCKET: is no name of a bucket"
        endpoint = urlsplit(self.media_endpoint)
        if self.media_endpoint and not (endpoint.scheme in {"http", "https"} and endpoint.hostname):
            yield f"{name}ENDPOINT: is no address: write https://host"
        if bool(self.media_access_key) != bool(self.media_secret_key):
            yield f"{name}ACCESS_KEY, {name}SECRET_KEY: set both or neither"


def folder(env: ProductEnvironment) -> dict[str, Any]:
    """Pictures lie in a folder."""
    return {
        "BACKEND": "apps.product.media.MediaFolder",
        "OPTIONS": {"location": env.media_directory},
    }


def bucket(env: ProductEnvironment, *, read_timeout: int = 5, attempts: int = 2) -> dict[str, Any]:
    """Pictures lie in a bucket of S3, or of what speaks its language."""
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env.media_bucket,
            "endpoint_url": env.media_endpoint or None,
            "region_name": env.media_region or None,
            "access_key": env.media_access_key or None,
            "secret_key": env.media_secret_key or None,
            "file_overwrite": True,  # the same name is the same content
            "object_parameters": {"ContentType": "image/webp"},
            "transfer_config": TransferConfig(use_threads=False),
            "client_config": Config(
                connect_timeout=2,
                read_timeout=read_timeout,
                retries={"total_max_attempts": attempts},
                s3={"addressing_style": "path" if env.media_endpoint else "auto"},
                request_checksum_calculation="when_required",  # others than Amazon do not know the newer sums
                response_checksum_validation="when_required",
            ),
        },
    }


environment = ProductEnvironment.of(SERVICE)
base = service_settings(SERVICE, environment=environment, admin=True)
globals().update(base)

DATABASES = {
    "default": {
        **base["DATABASES"]["default"],
        "OPTIONS": {
            "w": "majority",
            "journal": True,
            "serverSelectionTimeoutMS": 2_000,  # a request learns early that mongod is away
            "connectTimeoutMS": 2_000,
        },
    }
}
MESSAGING_OUTBOX = "shared.messaging.mongodb.MongoOutbox"
READINESS = {"database": "apps.product.mongodb.ready"}
STORE_IS_AWAY = "apps.product.mongodb.is_away"
# Around everything else: who is asking is looked up in MongoDB as well.
MIDDLEWARE = ["apps.product.mongodb.DeadlineMiddleware", *base["MIDDLEWARE"]]


def places(env: ProductEnvironment) -> dict[str, Any]:
    """Where pictures lie: for those who change them, and for the shop's visitors, who wait less for it."""
    if not env.media_bucket:
        return {"default": folder(env), "reading": folder(env)}
    return {"default": bucket(env), "reading": bucket(env, read_timeout=2, attempts=1)}


STORAGES = {
    **places(environment),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
