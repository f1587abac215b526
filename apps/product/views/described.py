"""What the OpenAPI document says that the views' types do not."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from apps.product.queries import ID


def id_parameter(name: str) -> OpenApiParameter:
    """An id in the path."""
    return OpenApiParameter(name, {"type": "string", "pattern": f"^{ID.pattern}$"}, OpenApiParameter.PATH)


CATEGORY_ID, PRODUCT_ID = id_parameter("category_id"), id_parameter("product_id")
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that was read: 412 where it does not hold any more.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="An ETag that is known: 304 where it still holds.",
)
DONE = OpenApiResponse(description="Done.")
UNCHANGED = OpenApiResponse(description="What If-None-Match names still holds.")
