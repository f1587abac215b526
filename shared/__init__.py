"""Mechanism that every service uses. Nothing here knows a business rule or imports a service."""
