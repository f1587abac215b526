"""What every JSON body of the API has in common."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self, TypeVar

from rest_framework import serializers

T = TypeVar("T")


class BodySerializer(serializers.Serializer[T]):
    """A JSON object whose optional fields may be left out or null, which means the same.

    Many programs write an absent value as null. A field that is required is refused as null, in a PATCH, too. No field
    gets `allow_null`, with which DRF takes an empty text for null as well; `shared.http.openapi` describes it.
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

    @classmethod
    def taken(cls, data: Any) -> Any:
        """The valid values of a request's `data`; raises ValidationError. All requests share one serializer.

        DRF copies the fields of each new one, which takes longer than all that is looked at with them.
        """
        try:
            return cls._shared().run_validation(data)
        except serializers.ValidationError:
            alone = cls(data=data)
            alone.is_valid(raise_exception=True)  # which words some errors in its own way
            return alone.validated_data

    @classmethod
    @cache
    def _shared(cls) -> Self:
        return cls()
