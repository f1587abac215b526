"""The API gateway: the only part of the platform that clients reach."""
