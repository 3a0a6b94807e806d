#!/bin/sh
# crowd.sh N CLIENTS [--figures]: N submissions by so many clients at once, with malformed and oversized requests among them.
# First undisturbed: no 5xx, memory bounded. Then with the server killed by -9 at a random moment, and again: every
# submission that was answered 202 is in the database, and each is there once. --figures prints them and kills nothing.
. "$(dirname "$0")/../../e2e/lib.sh"
top=$(cd "$(dirname "$0")/../../.." && pwd)
e2e=$top/tests/e2e # the library counts from a folder higher
n=${1:-300} clients=${2:-20} figures=${3:-}
: "${SERVE_LOAD:?names the crowd}"
[ "$(ulimit -n)" -gt $((clients * 2 + 100)) ] || ulimit -n $((clients * 2 + 100))

library
"$ASSAY" db init >/dev/null
token=$("$ASSAY" token add --user crowd --org many --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')

# The hub is nowhere: what is accepted stays pending, as on a day when the hub is down.
serve() {
    rm -f "$tmp/port"
    background serve "$ASSAY" serve --listen "127.0.0.1:${port:-0}" --port-file "$tmp/port" --hub http://127.0.0.1:9 --no-access-log \
        --rate-user 0 --rate-org 0 --rate-address 0 --rate-reads 0 --resolvers 1 --anonymous
    server=$pid
    wait_for 'the service listens' test -s "$tmp/port"
    port=$(cat "$tmp/port")
}

count() { sql "SELECT count(*) FROM requests WHERE submitter = 'crowd'"; }
# ---- undisturbed ----

serve
got=0
"$SERVE_LOAD" "$port" "$n" "$clients" "$token" "$tmp/accepted" >"$tmp/figures" || got=$?
peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
cat "$tmp/figures"
echo "VmHWM of the server: $peak kB"
[ $got = 0 ] || fail "an answer that may not be"
equal 'no 5xx' 0 "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["5xx"])' "$tmp/figures")"
equal 'all are in the database' "$n" "$(count)"
# A sanitizer's shadow is not the server's memory; without one 256 MB are more than enough for whatever a crowd sends.
[ "$peak" -lt 1000000 ] || fail "the server grew to $peak kB"
ok 'its memory is bounded'
kill -TERM "$server"
wait "$server" || fail "it ended with code $?"
ok 'SIGTERM ends it in order'
[ "$figures" != --figures ] || { finish; exit 0; }

# ---- killed in the middle ----

sql 'TRUNCATE requests, votes, webhooks RESTART IDENTITY'
rm "$tmp/accepted" # of the crowd before
serve
rm -f "$tmp/accepted" # or what the first crowd was told would be taken for it
background crowd "$SERVE_LOAD" "$port" "$n" "$clients" "$token" "$tmp/accepted"
crowd=$pid
part=$(od -An -N1 -tu1 /dev/urandom)
at=$((n / 10 + n * part / 400))
wait_for 'some are accepted' sh -c "[ \$(wc -l <'$tmp/accepted') -ge $at ]"
kill -9 "$server"
wait "$server" 2>/dev/null || true
sort -nu "$tmp/accepted" >"$tmp/told"
sql "SELECT request_id FROM requests ORDER BY 1" >"$tmp/there"
python3 - "$tmp/told" "$tmp/there" <<'END' || fail 'what was accepted is lost'
import sys
told, there = ({int(l) for l in open(p)} for p in sys.argv[1:])
assert told and told <= there, sorted(told - there)[:10]
print(f"killed after {len(told)} were told; {len(there)} were in the database")
END
ok 'every accepted submission is in the database after kill -9'
serve
got=0
wait "$crowd" || got=$?
cat "$tmp/crowd.log"
[ $got = 0 ] || fail 'an answer that may not be'
equal 'each is there once, those handed in again too' "$n" "$(count)"
equal 'no key is there twice' 0 "$(sql "SELECT count(*) - count(DISTINCT idem_key) FROM requests")"
fault_held 48_a_submission_handed_in_again_is_one
finish
