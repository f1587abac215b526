"""The table of changes. Each service has its own, in its own database."""

from collections.abc import Iterator
from typing import ClassVar

from django.db import models
from django.utils import timezone

from shared.auth.actor import Source

LONGEST_NAME = 255
LONGEST_REASON = 500
SOURCES = [
    (Source.ADMIN.value, "admin"),
    (Source.API.value, "API"),
    (Source.COMMAND.value, "command"),
    (Source.PLATFORM.value, "platform"),
]


class Change(models.Model):
    """One change of one object: who, when, what, from where. It is written once, with what it tells of."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    model = models.CharField(max_length=40, help_text="what kind of object: the name of its model")
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=LONGEST_NAME, help_text="what people called it then")
    action = models.CharField(max_length=60, help_text="what was done, as a past participle")
    differences = models.JSONField(default=dict, help_text="field -> [what it was, what it is]")
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    actor_id = models.CharField(max_length=64, blank=True, help_text="Keycloak's sub; empty: no person")
    actor_name = models.CharField(max_length=LONGEST_NAME, blank=True)
    source = models.CharField(max_length=10, choices=SOURCES)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        # One for each way in which the admin asks; all of them end in the order of its lists.
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="history_newest"),
            models.Index(fields=["model", "object_id", "-at", "-id"], name="history_of_object"),
            models.Index(fields=["actor_id", "-at", "-id"], name="history_of_actor"),
            models.Index(fields=["actor_name", "-at", "-id"], name="history_by_name"),
            models.Index(fields=["source", "-at", "-id"], name="history_from_source"),
        ]

    def __str__(self) -> str:
        return f"{self.object_name}: {self.action}"

    @property
    def who(self) -> str:
        """Who it was, in words."""
        if self.source == Source.PLATFORM:
            return "the platform"
        if self.source == Source.COMMAND:
            return f"the command {self.actor_name}"
        return self.actor_name or self.actor_id

    @property
    def fields(self) -> Iterator[tuple[str, str, str]]:
        """(field, what it was, what it is), in words."""
        for name, (before, after) in self.differences.items():
            yield name.replace("_", " "), in_words(before), in_words(after)


def in_words(value: object) -> str:
    """A value of `differences` for people."""
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)
