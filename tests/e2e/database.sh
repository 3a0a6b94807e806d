#!/bin/sh
# A database is kept: dumped, restored into another server and into its own place, looked at, swept.
. "$(dirname "$0")/lib.sh"

"$ASSAY" db init >/dev/null
"$ASSAY" db psql >/dev/null 2>"$tmp/err" <<'SQL' || fail 'psql'
INSERT INTO assay.models (name) VALUES ('org/kept');
SQL
models() { echo 'SELECT count(*) FROM assay.models' | "$ASSAY" db psql 2>/dev/null | sed -n 3p | tr -d ' '; }
equal 'one model' 1 "$(models)"
"$ASSAY" queue ban 'Bad/*' --reason 'spam' --as eve >/dev/null

code 'a dump' 0 "$ASSAY" db dump "$tmp/a.dump"
[ -s "$tmp/a.dump" ] || fail 'the dump is empty'
[ "$(find "$tmp" -name 'a.dump.*' | wc -l)" = 0 ] || fail 'the dump left a part of itself'
code 'a dump that cannot be written' 1 "$ASSAY" db dump "$tmp/nowhere/a.dump"
[ ! -e "$tmp/nowhere" ] || fail 'a folder was made'

echo "INSERT INTO assay.models (name) VALUES ('org/lost')" | "$ASSAY" db psql >/dev/null
code 'a restore over what is there' 1 "$ASSAY" db restore "$tmp/a.dump"
has 'it says what to do' '--replace' "$tmp/err"
equal 'and nothing was touched' 2 "$(models)"
code 'a restore in its place' 0 "$ASSAY" db restore --replace "$tmp/a.dump"
equal 'yesterday is back' 1 "$(models)"
code 'a file that is no dump' 1 "$ASSAY" db restore --replace "$ASSAY"
equal 'and nothing was touched' 1 "$(models)"

# Another server, which has none of the roles.
first=$ASSAY_HOME
export ASSAY_HOME="$tmp/second"
code 'a restore into a new server' 0 "$ASSAY" db restore "$tmp/a.dump"
equal 'it is all there' 1 "$(models)"
equal 'decisions, too' 'banned|eve|1' "$(sql "SELECT x.standing, a.actor, count(*) FROM standing_of('bad/model') x, audit a GROUP BY 1, 2")"
if sql 'DELETE FROM audit' >/dev/null 2>&1; then fail 'a restored record of decisions can be changed'; fi
ok 'which nobody changes here either'
code 'and it is up to date' 0 "$ASSAY" db migrate
has 'nothing was missing' '0 migrations applied' "$tmp/out"
code 'what a monitor watches' 0 "$ASSAY" queue stats --json
for key in oldest_queued_s overdue dead_by_class xmin_age dead_rows index_bytes workers_alive; do
    has "$key" "\"$key\"" "$tmp/out"
done
code 'nothing to archive' 0 "$ASSAY" db archive --days 1
has 'it says so' '0 samples in 0 chunks archived' "$tmp/out"
code 'nothing to sweep' 0 "$ASSAY" db gc

# A program that is older than the schema changes nothing, and its worker leaves the machine to others.
echo "INSERT INTO assay.schema_migrations (version, name, sha256) VALUES (999, 'x', repeat('0', 64))" | "$ASSAY" db psql >/dev/null
code 'a downgrade is refused' 7 "$ASSAY" db migrate
has 'it says what to do' 'newer' "$tmp/err"
code 'a worker of another schema is for a scheduler to start elsewhere' 75 "$ASSAY" worker --once
fault_held 41_a_worker_of_another_schema_ends_with_75
"$ASSAY" db down >/dev/null
export ASSAY_HOME="$first"
finish
