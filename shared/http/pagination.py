"""Pages as `{count, next, previous, results}`."""

from rest_framework.pagination import PageNumberPagination


class PagePagination(PageNumberPagination):
    """`?page=` and `?page_size=`: 20 unless told, at most 100. Links stand on the gateway's address."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
