"""The front door: the only part of the platform that clients reach."""
