#!/bin/sh
# Makes the passwords that are not there yet, each of 32 random bytes. Only the containers that use them see the
# folder, and these run as several users: so anybody in there may read them.
set -eu
cd /run/secrets
for name in postgres_password admin_password; do
    [ -s "$name" ] && continue
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$name.new"
    chmod 444 "$name.new"
    mv "$name.new" "$name"
done
