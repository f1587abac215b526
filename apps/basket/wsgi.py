"""The basket service behind WSGI (ADR 0003 says why not ASGI)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.basket.settings")
application = get_wsgi_application()
