"""The pages that Django answers. Each also has its row in `routes.py`: what has none is never asked for here."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from gateway.pages import views as pages
from gateway.signin import views as signin

urlpatterns = [
    path("", pages.home),
    path("admin/", pages.back_office),
    path("api/docs/", pages.api_docs),
    path("login/", signin.SignIn.as_view()),
    path("register/", signin.Register.as_view()),
    path("oidc/callback/", signin.Callback.as_view(), name="oidc_authentication_callback"),
    path("favicon.ico", RedirectView.as_view(url=static("gateway/icon.svg"), permanent=True)),
    path("logout/", signin.sign_out),
    path("session/", signin.session),
    path("oidc/backchannel-logout/", signin.back_channel_sign_out),
    path("oidc/frontchannel-logout/", signin.front_channel_sign_out),
]

handler400 = "shared.http.problems.bad_request"
handler404 = "shared.http.problems.not_found"
handler500 = "shared.http.problems.server_error"
