"""The pages that Django answers. Each also has its row in `routes.py`: what has none is never asked for here."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from gateway.signin import views

urlpatterns = [
    path("", views.home),
    path("admin/", views.back_office),
    path("api/docs/", views.api_docs),
    path("login/", views.SignIn.as_view()),
    path("register/", views.Register.as_view()),
    path("oidc/callback/", views.Callback.as_view(), name="oidc_authentication_callback"),
    path("favicon.ico", RedirectView.as_view(url=static("gateway/icon.svg"), permanent=True)),
    path("logout/", views.sign_out),
    path("session/", views.session),
    path("oidc/backchannel-logout/", views.back_channel_sign_out),
    path("oidc/frontchannel-logout/", views.front_channel_sign_out),
]

handler400 = "shared.http.problems.bad_request"
handler404 = "shared.http.problems.not_found"
handler500 = "shared.http.problems.server_error"
