"""The pages that Django answers. Each also has its row in `routes.py`: what has none is never asked for here."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []

handler400 = "shared.http.problems.bad_request"
handler404 = "shared.http.problems.not_found"
handler500 = "shared.http.problems.server_error"
