"""Django's PostgreSQL backend, with a pool that does not ask PostgreSQL whether it is there (`settings.DATABASES`)."""
