"""Every service's models in one process, without any database."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "launcher.testing.every_app"
django.setup()
