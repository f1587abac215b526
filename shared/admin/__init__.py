"""Django's admin for managers, in every service that has one: signed in by the platform, same path inside and outside.

A service switches it on with `service_settings(…, admin=True)` and writes its `admin.py` and one line in `urls.py`. Who
may use it is decided anew at every request from the verified access token: there are no passwords, no sessions and no
cookies of a service's own (ADR 0018).
"""
