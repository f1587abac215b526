"""The migrations of Django's own apps for a service on MongoDB: `shared.settings` names them there.

They make in one step what Django's make in many. After an upgrade of Django run `makemigrations` for such a service.
"""
