"""What the OpenAPI document says that the views' types do not."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from apps.product.queries import ID


def id_parameter(name: str) -> OpenApiParameter:
    """An id in the path."""
    return OpenApiParameter(name, {"type": "string", "pattern": f"^{ID.pattern}$"}, OpenApiParameter.PATH)


CATEGORY_ID, PRODUCT_ID = id_parameter("category_id"), id_parameter("product_id")
DONE = OpenApiResponse(description="Done.")
