"""Vendure 3.7.3 on this machine: a shop that one would take instead, from npm, on a PostgreSQL like ours."""
