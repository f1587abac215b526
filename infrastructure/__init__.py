"""What the platform needs around its services: the Keycloak realm, the container image."""
