"""What every JSON body of the API has in common."""

from collections.abc import Mapping
from typing import Any, TypeVar

from rest_framework import serializers

T = TypeVar("T")


class BodySerializer(serializers.Serializer[T]):
    """A JSON object whose optional fields may be left out or null, which means the same.

    Many programs write an absent value as null. A field that is required is refused as null, in a PATCH, too. No field
    gets `allow_null`, with which DRF takes an empty text for null as well; `shared.http.described` describes it.
    """

    def to_internal_value(self, data: Any) -> Any:
        """The valid values, without those that are null."""
        if isinstance(data, Mapping):
            data = {
                name: value
                for name, value in data.items()
                if value is not None or name not in self.fields or self.fields[name].required
            }
        return super().to_internal_value(data)
