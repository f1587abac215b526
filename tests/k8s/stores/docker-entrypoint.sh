#!/bin/bash
# Of the entry point of postgres:18, what the overlay asks for: an empty volume gets a server, and what is in
# /docker-entrypoint-initdb.d is run once.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username=postgres --pwfile=<(echo "$POSTGRES_PASSWORD") --auth-local=trust --auth-host=scram-sha-256 --pgdata="$PGDATA"
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
  for script in /docker-entrypoint-initdb.d/*.sh; do
    # shellcheck source=/dev/null
    [ -e "$script" ] && (source "$script")
  done
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
# A volume that is mounted again gets its group's rights back (fsGroup), with which PostgreSQL does not start.
chmod 700 "$PGDATA"
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
