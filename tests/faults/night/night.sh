#!/bin/sh
# A board through four nights. The second has everything: of NIGHT_MODELS models three have new revisions, one a new
# revision that is poisoned, one became gated; the hub is away for NIGHT_AWAY seconds when the night begins, and the
# database is restarted while its workers are at work. Reports, site and exit codes say so. NIGHT_AWAY=600 NIGHT_RETRY=30 is ten
# minutes with the waits that are usual; that these outlast ten minutes is asserted by tests/evaluator/nightly/test_patience.c.
# shellcheck disable=SC1091
. "$(dirname "$0")/../../e2e/lib.sh"
n=${NIGHT_MODELS:-50}
away=${NIGHT_AWAY:-20} retry=${NIGHT_RETRY:-1}
"$MAKE_TINY" "$tmp/hub" "$n"
library
cat >"$tmp/tasks/night.lua" <<'LUA'
return suite { name = "night", version = 1, title = "Night", tasks = { "E2EChoice" }, mean = "task" }
LUA

hub_up() { # on the port that it had before
    rm -f "$tmp/port.new"
    background hub "$ASSAY" hub serve "$tmp/hub" --port "${1:-0}" --port-file "$tmp/port.new"
    hub_pid=$pid
    wait_for 'the hub listens' test -s "$tmp/port.new"
    port=$(cat "$tmp/port.new")
    export HF_ENDPOINT="http://127.0.0.1:$port"
}
hub_down() { kill "$hub_pid"; wait_for 'the hub is down' gone "$hub_pid"; }
night() { "$ASSAY" nightly --workers 2 --threads 1 --report "$tmp/reports" --site "$tmp/site" --config "$tmp/site.lua" \
    --retry "$retry" -v "$@"; }
report() { # report WHAT PYTHON: r is the newest report
    py "$1" "r = json.load(open(sys.argv[1]))
m, j, q = r['models'], r['jobs'], r['queued']
$2" "$tmp/reports/latest.json"
}

# ---- what there is ----
hub_up
"$ASSAY" db init >/dev/null
names=$(cd "$tmp/hub/models" && echo many/*)
# shellcheck disable=SC2086
"$ASSAY" submit $names -s night >/dev/null
"$ASSAY" worker --drain --threads 1 >"$tmp/first.log" 2>&1
equal 'all are evaluated' "$n" "$(sql "SELECT count(*) FROM jobs WHERE state = 'done'")"
canary=$(sql 'SELECT min(run_id) FROM runs')
"$ASSAY" nightly pin "$canary" --reason 'small and quick' >/dev/null

echo 'return { title = "Bench of the night" }' >"$tmp/site.lua"

# ---- a night in which nothing happened ----
code 'nothing changed' 0 night
report 'the report says so' "
assert r['outcome'] == 'well' and m['checked'] == m['unchanged'] == $n and q['jobs'] == 0, r
assert [c['verdict'] for c in r['canary']['runs']] == ['bits'] and r['hub'] == {'waited_s': 0.0}, r"
has 'the site is built' 'Night of' "$tmp/site/nights/index.html"
has 'as its own' 'Bench of the night' "$tmp/site/index.html"
code 'and sound' 0 "$ASSAY" site check "$tmp/site"

# ---- a night in which everything did ----
"$MAKE_TINY" "$tmp/other" 5 7000
for i in 1 2 3 4; do
    cp "$tmp/other/models/many/m00$i/model.safetensors" "$tmp/hub/models/many/m00$i/model.safetensors"
done
# of the fourth the header is whole, and points behind the end of the file
size=$(wc -c <"$tmp/hub/models/many/m004/model.safetensors")
truncate -s $((size / 2)) "$tmp/hub/models/many/m004/model.safetensors"
echo '{"gated": "manual"}' >"$tmp/hub/models/many/m005/.hub.json"
hub_down

sleep 1 # reports are named by the second in which their night began
got=0
night >"$tmp/night.out" 2>"$tmp/night.log" &
night_pid=$!
children="$children $night_pid"
wait_for 'the night sees that the hub is away' grep -q 'the hub is away' "$tmp/night.log"
code 'a second one at once' 8 night --dry-run --hub-wait 1
has 'is told why' 'another night is under way' "$tmp/err"
sleep "$away"
hub_up "$port"
until grep -q 'jobs are left' "$tmp/night.log"; do # it looks for the hub after up to five minutes
    if gone "$night_pid"; then cat "$tmp/night.log" >&2; fail 'the night ended without jobs'; fi
    sleep 0.2
done
"$ASSAY" db down >/dev/null
"$ASSAY" db up >/dev/null
wait "$night_pid" || got=$?
[ "$got" = 1 ] || { cat "$tmp/night.log" >&2; fail "the night ended with $got"; }
ok 'a night with failures ends with 1'
report 'what moved, what failed, and how' "
assert r['outcome'] == 'failures' and m['checked'] == $n and m['unchanged'] == $n - 5, r
assert sorted(x['model'] for x in m['moved']) == ['many/m00%d' % i for i in (1, 2, 3, 4)], m
assert [(x['model'], x['class']) for x in m['gated']] == [('many/m005', 'auth')], m
assert q['jobs'] == 4 and j['done'] == 3 and j['dead'] == 1, (q, j)
assert [(x['model'], x['class']) for x in j['poisoned']] == [('many/m004', 'input')], j
assert j['by_class'] == {'input': 1}, j"
report 'how long the hub was away' "assert r['hub']['outages'] >= 1 and r['hub']['waited_s'] >= $away - 1, r['hub']"
report 'that the database was' "assert r['database']['reconnects'] >= 1, r['database']"
report 'new weights are steps' "
steps = {(s['model'], s['what']) for s in r['steps'] if s['other_revision']}
assert all(m in ('many/m001', 'many/m002', 'many/m003') for m, what in steps), steps"
for kind in txt html; do
    for word in many/m001 many/m004 many/m005 input auth; do
        grep -qF "$word" "$tmp/reports/latest.$kind" || fail "no $word in the $kind report"
    done
done
ok 'in words, too'
equal 'each night keeps its own' 2 "$(find "$tmp/reports" -name 'night-*.json' | wc -l)"
has 'the site shows it' 'many/m005' "$tmp/site/nights/index.html"
has 'and what is poisoned' 'many/m004' "$tmp/site/nights/index.html"
for i in 1 2 3; do
    new=$(sql "SELECT commit FROM revisions JOIN models USING (model_id) WHERE name = 'many/m00$i' ORDER BY revision_id DESC LIMIT 1")
    grep -q "$(echo "$new" | cut -c1-12)" "$tmp/site/m/many/m00$i/index.html" || fail "the page of m00$i has the old revision"
done
ok 'new revisions have their pages'
code 'the site is sound' 0 "$ASSAY" site check "$tmp/site"
equal 'nothing was lost or doubled' '' "$(violations)"
ok "the database cost nothing"
fault_held 65_a_hub_that_is_away_is_waited_for_and_told

# ---- the night after: what failed is not tried again and again ----
rm "$tmp/hub/models/many/m005/.hub.json"
hub_down
hub_up "$port"
code 'all is quiet' 0 night
report 'nothing is queued' "assert q['jobs'] == 0 and m['unchanged'] == $n, r"

# ---- drift ----
sql "ALTER TABLE runs DISABLE TRIGGER runs_are_final;
UPDATE runs SET record = jsonb_set(record, '{metrics,0,value}', '0.123456') WHERE run_id = $canary;
ALTER TABLE runs ENABLE TRIGGER runs_are_final" >/dev/null
before=$(find "$tmp/site" -type f -exec sha256sum {} + | sort | sha256sum)
code 'a canary with other numbers' 10 night
has 'freezes' 'publication is frozen: canary' "$tmp/err"
equal 'the site stays as it was' "$before" "$(find "$tmp/site" -type f -exec sha256sum {} + | sort | sha256sum)"
report 'told' "assert r['outcome'] == 'frozen' and r['canary']['runs'][0]['drift'], r"
code 'nor is it built by hand' 10 "$ASSAY" site build -o "$tmp/site"
"$ASSAY" nightly ls >"$tmp/out"
has 'the list of nights says so' 'publication is frozen since' "$tmp/out"
code 'it stays frozen' 10 night
code 'nobody lifts it without a reason' 2 "$ASSAY" nightly unfreeze
code 'until somebody looked' 0 "$ASSAY" nightly unfreeze --reason 'the record had been changed' --as eve
"$ASSAY" nightly unpin "$canary" --reason 'spoilt' --as eve >/dev/null
code 'then it goes on' 0 night
equal 'who did it is known' 'unpin unfreeze freeze pin' "$("$ASSAY" queue audit --json |
    python3 -c 'import json, sys; print(*[d["action"] for d in json.load(sys.stdin)["decisions"]])')"

# ---- by cron's line ----
echo "HF_ENDPOINT=$HF_ENDPOINT" >"$tmp/nightly.env"
line=$(sed -n 's/^7 1 \* \* \* assay //p' "$top/script/deploy/assay-nightly.cron" | sed "s|/etc/assay/|$tmp/|
    s|/var/lib/assay|$tmp|; s|/var/www/assay|$tmp/site|; s|exec assay|exec '$ASSAY'|")
code 'the command of the cron example' 0 env -u HF_ENDPOINT sh -c "$line"
has 'prints what cron mails' 'Night of' "$tmp/out"
code 'a suite that is not there' 3 night -s nowhere

# ---- dry ----
cp "$tmp/other/models/many/m005/model.safetensors" "$tmp/hub/models/many/m002/model.safetensors"
hub_down
hub_up "$port"
was=$(sql 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM nights), (SELECT count(*) FROM submissions)')
code 'a look without consequences' 0 night --dry-run --json
py 'sees what moved' 'r = json.load(open(sys.argv[1])); assert [x["model"] for x in r["models"]["moved"]] == ["many/m002"], r' "$tmp/out"
equal 'and changes nothing' "$was" "$(sql 'SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM nights), (SELECT count(*) FROM submissions)')"
finish
