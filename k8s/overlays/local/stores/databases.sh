#!/bin/sh
# A role and a database for each service that has one, and for Keycloak (the same as infrastructure/postgres/databases.sql).
# PostgreSQL's image runs this once, on an empty volume. The passwords are files of the Secret `postgres`.
set -eu
# made by `manage_all.py schema`: roles
for role in order stock notification saga keycloak; do
# end of what is made: roles
  psql --username postgres --set ON_ERROR_STOP=1 --set role="$role" --set password="$(cat "/run/secrets/postgres/$role")" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
SQL
done
# A service that dies in mid-transaction must not hold its locks for long; Keycloak sets its database up in a long one,
# and asks for tables to see whether it has.
# made by `manage_all.py schema`: limited
for role in order stock notification saga; do
# end of what is made: limited
  psql --username postgres --set role="$role" <<'SQL'
ALTER ROLE :"role" SET idle_in_transaction_session_timeout = '20s';
SQL
done
psql --username postgres --command "ALTER ROLE keycloak SET log_min_messages = 'fatal'"
