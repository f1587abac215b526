"""Sagas of three steps on Temporal's development server and on a Celery chain, each step one UPDATE in PostgreSQL."""
