#!/bin/sh
# Runs once, when the database is made: the role of those who ask about shares in SQL. What it may read
# is granted by `everlink migrate --admin-role admin`.
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/admin_password)" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE admin LOGIN PASSWORD :'password';
SQL
