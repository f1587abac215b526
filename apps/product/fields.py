"""Fields of the catalogue's bodies: each takes exactly one JSON type and says what it wants."""

from typing import Any, ClassVar

from bson import ObjectId
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.product import image_urls
from apps.product.currencies import CURRENCIES
from apps.product.queries import ID
from shared.http.fields import TextField


class FlagField(serializers.BooleanField):
    """true or false as JSON writes them; no "yes", no 1."""

    def to_internal_value(self, data: Any) -> bool:
        """The flag."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ParagraphsField(TextField):
    """A text that may have several lines."""

    default_error_messages: ClassVar = {
        "control": "Control characters other than line breaks and tabs are not allowed."
    }
    pattern = r"^([^\u0000-\u0008\u000b-\u001f\u007f]|\r\n)*$"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(style={"base_template": "textarea.html"}, **kwargs)  # DRF's word for several lines

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed, with one kind of line break: browsers send two characters, and count one."""
        return super().to_internal_value(data.replace("\r\n", "\n") if isinstance(data, str) else data)


class SlugField(TextField):
    """The name that an address carries."""

    default_error_messages: ClassVar = {
        "slug": "Use lower-case letters, digits, and single hyphens between them."
    }
    pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"
    broken = "slug"


@extend_schema_field({"type": "string", "enum": sorted(CURRENCIES)})
class CurrencyField(TextField):
    """An ISO 4217 code."""

    default_error_messages: ClassVar = {
        "currency": "This is not the ISO 4217 code of a currency, such as EUR."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(style={"base_template": "select.html"}, **kwargs)  # a page offers all of them

    def to_internal_value(self, data: Any) -> str:
        """The code."""
        text = super().to_internal_value(data)
        if text not in CURRENCIES:
            self.fail("currency")
        return text


@extend_schema_field({"type": "string", "pattern": f"^{ID.pattern}$"})
class ReferenceField(serializers.Field[ObjectId, Any, str, Any]):
    """The id of a product or category."""

    default_error_messages: ClassVar = {"invalid": "An id is 24 lower-case hexadecimal digits."}

    def to_internal_value(self, data: Any) -> ObjectId:
        """The id; takes `{"id": …}` too, so that what was read can be sent back."""
        if isinstance(data, dict):
            data = data.get("id")
        if not isinstance(data, str) or not ID.fullmatch(data):
            self.fail("invalid")
        return ObjectId(data)

    def to_representation(self, value: ObjectId) -> str:
        """The id."""
        return str(value)


class PictureField(TextField):
    """The address of a picture (`apps.product.image_urls`)."""

    pattern = "^(|https?://.+|/media/.+)$"  # what can be said shortly; the rest is in `addresses`
    broken = "address"
    default_error_messages: ClassVar = {
        "address": "A picture has a public https:// address, or one of this shop's own below /media/."
    }

    def to_internal_value(self, data: Any) -> str:
        """The address as it is stored."""
        text = super().to_internal_value(data)
        address = image_urls.stored(text)
        if address is None:
            self.fail("address")
        return address
