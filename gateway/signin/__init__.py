"""Sign-in for people with a browser: OpenID Connect with Keycloak, tokens kept here and never in the browser."""
