#!/bin/sh
# Canaries for a hub's token and a database's password, and then everything: they are in no command line, no job's
# environment, no message, no file, and not in what the database keeps.
. "$(dirname "$0")/../../e2e/lib.sh"
token=hf_CANARYcanaryCANARYcanary0123 password=dbCANARYcanaryCANARY
models
library
HF_TOKEN=$token
export HF_TOKEN
hub
code 'db init' 0 "$ASSAY" db init
socket=$(sed -n 5p "$ASSAY_HOME/pg/data/postmaster.pid")
ASSAY_DATABASE_URL="postgresql:///assay?host=$socket&user=assay&password=$password"
export ASSAY_DATABASE_URL

# canaries IN FILE...: fails if one of these holds one.
canaries() {
    where=$1
    shift
    ! grep -aqF -e "$token" -e "$password" "$@" 2>/dev/null || fail "a secret is in $where: $(grep -alF -e "$token" -e "$password" "$@")"
    ok "no secret in $where"
}

code 'submit' 0 "$ASSAY" submit -s e2e_slow tiny/decoder
background worker env 'ASSAY_FAULT=parsed:1!STOP' "$ASSAY" worker --once --threads 1 --lease 60
in_the_middle() { job=$(job_of "$pid") && grep -q '^State:[[:space:]]*T' "/proc/$job/status"; }
wait_for 'the job is in the middle' in_the_middle
grep -aqF "$password" "/proc/$pid/environ" || fail 'the worker does not have what is looked for'
for process in /proc/[0-9]*; do cp "$process/cmdline" "$tmp/cmdline-${process#/proc/}" 2>/dev/null || true; done
canaries 'a command line' "$tmp"/cmdline-*
canaries "a job's environment" "/proc/$job/environ"
kill -CONT "$job"
code 'the job ends' 0 wait "$pid"
equal 'and is done' 'done' "$(sql 'SELECT state FROM jobs')"

# What is said where something is wrong.
for n in 1 2 3 4 5; do
    case $n in
    1) set -- "$ASSAY" hub pull tiny/none ;;
    2) set -- env "ASSAY_DATABASE_URL=postgresql://assay:$password@127.0.0.1:1/assay" "$ASSAY" queue ls ;;
    3) set -- env "ASSAY_DATABASE_URL=postgresql://assay:$password@[/assay" "$ASSAY" queue ls ;;
    4) set -- "$ASSAY" doctor ;;
    5) set -- env HF_ENDPOINT=http://127.0.0.1:1 "$ASSAY" hub pull tiny/none ;;
    esac
    "$@" >"$tmp/said-$n" 2>&1 || true
    [ -s "$tmp/said-$n" ] || fail "nothing is said ($n)"
done
"$ASSAY" db status >"$tmp/said-status" 2>&1 || fail 'db status'
canaries 'what is said' "$tmp"/said-*

code 'a dump' 0 "$ASSAY" db dump "$tmp/a.dump"
code 'a site' 0 "$ASSAY" site build -o "$tmp/site"
restore=$(find /usr/lib/postgresql -name pg_restore 2>/dev/null | tail -n 1)
"${restore:-pg_restore}" -f "$tmp/dump.sql" "$tmp/a.dump" || fail 'the dump cannot be read'
grep -q 'CREATE TABLE assay.jobs' "$tmp/dump.sql" || fail 'the dump holds nothing'
unset ASSAY_DATABASE_URL
code 'the database goes down' 0 "$ASSAY" db down
# shellcheck disable=SC2046
canaries 'a file: logs, the database, its dump, the site, the spool, the cache' $(find "$tmp" -type f)
fault_held 105_secrets_are_in_no_file_no_message_and_no_command_line
finish
