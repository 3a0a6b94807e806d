#!/bin/sh
# The submission service as its users meet it: the API's contract, the forms, tokens, rates, private boards, webhooks and the
# feed, the database away, an end in order. What is asked over HTTP is in serve.py, a function a promise.
. "$(dirname "$0")/lib.sh"

models
library
hub
"$ASSAY" db init >/dev/null

token() { "$ASSAY" token add --json "$@" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'; }
ADA=$(token --user ada --org lovelace --scope submit,read)
BOB=$(token --user bob --org lovelace --scope submit)
CARL=$(token --user carl --org other --scope submit)
READER=$(token --user eva --scope read)
SUBMITTER=$(token --user sub --scope submit)
ADMIN=$(token --user root --scope admin)
OLD=$(token --user ada --scope submit)
GONE=$(token --user ada --scope submit --days 1)
export ADA BOB CARL READER SUBMITTER ADMIN OLD GONE
DAVE=$(token --user dave --scope submit --webhook https://hooks.invalid/ended)
code 'a webhook to this machine is refused' 6 "$ASSAY" token add --user x --webhook https://127.0.0.1/
export DAVE
code 'a token is revoked' 0 "$ASSAY" token revoke 7
code 'and not twice' 3 "$ASSAY" token revoke 7
sql "UPDATE api_tokens SET expires_at = clock_timestamp() - interval '1 s' WHERE token_id = 8"
code 'a scope that there is not' 7 "$ASSAY" token add --user x --scope everything
code 'a token of nobody' 2 "$ASSAY" token add
code 'tokens are listed' 0 "$ASSAY" token ls
! grep -q "$ADA" "$tmp/out" || fail 'a token is listed as it is'
equal 'no token is in the database as it is' 0 "$(sql "SELECT count(*) FROM api_tokens t WHERE t::text LIKE '%$ADA%'")"

http() { python3 "$e2e/serve.py" "$@" || fail "$*"; checks=$((checks + $#)); }

# ---- open to all, without rates ----

serve open --anonymous --rate-user 0 --rate-org 0 --rate-address 0 --rate-reads 0 --hooks-to-loopback --read-seconds 4
http accepted_is_pending_then_queued what_the_hub_has_not_is_refused_in_words the_same_key_is_the_same_answer \
    mistakes_are_said_in_a_way_that_helps pages_of_a_list_hold_each_once tokens_open_what_their_scopes_say \
    calling_off_is_its_submitters a_form_works_without_script_and_from_our_pages_alone \
    signing_in_puts_the_token_where_no_script_is every_page_stands_and_says_what_it_must
voted=$(python3 "$e2e/serve.py" a_vote_is_a_users_and_hurries_within_bounds) || fail 'votes'
equal 'a token may bring its webhook' https://hooks.invalid/ended "$(sql "SELECT webhook FROM requests WHERE submitter = 'dave'")"
equal 'votes hurry its jobs, and not past 3' 3 "$(sql "SELECT DISTINCT j.priority FROM requests r JOIN submission_jobs s USING (submission_id)
    JOIN jobs j USING (job_id) WHERE r.request_id = $voted")"
http an_end_is_told_signed_and_told_again what_ended_is_in_the_feed a_request_that_drips_is_cut_off figures_are_those_of_the_requests

# Jobs that end end their submission.
"$ASSAY" worker --drain >"$tmp/worker.log" 2>&1 || fail 'the worker'
ended() { [ "$(sql 'SELECT count(*) FROM requests WHERE ended_at IS NULL')" = 0 ]; }
wait_for 'all submissions end' ended
equal 'the first is done' done "$(sql 'SELECT outcome FROM requests WHERE request_id = 1')"

# ---- the database away ----

"$ASSAY" db down
http the_database_away_is_said_and_nothing_is_lost
"$ASSAY" db up >/dev/null
http it_comes_back_with_the_database
ok 'the database away is said, and nothing is lost'

# Killed right behind the last answer: what was answered is on the disk.
POSTMASTER=$(head -n 1 "$ASSAY_HOME/pg/data/postmaster.pid")
export POSTMASTER
answered=$(python3 "$e2e/serve.py" what_was_answered_survives_the_databases_death) || fail 'submissions'
"$ASSAY" db up >/dev/null
equal 'what was answered survives the death of the database' 20 \
    "$(sql "SELECT count(*) FROM requests WHERE request_id BETWEEN ${answered% *} AND ${answered#* }")"

stop open
for secret in "$ADA" "$BOB" "$READER" "$(sql 'SELECT key FROM service_keys')"; do
    ! grep -q "$secret" "$tmp/open.log" || fail 'a secret is in the log'
done
has 'each request has its line' 'method=POST route=submit status=202' "$tmp/open.log"
ok 'no secret is in the log'

# ---- rates ----

serve rates --anonymous --rate-user 2 --rate-org 3 --rate-address 1 --rate-reads 0 --proxy 127.0.0.1
http users_of_an_org_share_its_rate strangers_are_told_apart_by_what_a_proxy_says
stop rates

# ---- tokens to read ----

serve closed --private / --rate-reads 0
http nothing_is_read_without_a_token
stop closed
serve board --private /s/e2e/ --suite e2e --suite other --anonymous --rate-reads 0
http a_private_boards_submissions_are_for_its_readers
stop board

sed 's/"e2e"/"inner"/' "$tmp/tasks/e2e.lua" >"$tmp/tasks/inner.lua"
mkdir -p "$tmp/empty" "$tmp/site/s/inner/s/inner" "$tmp/site/s/innermost" "$tmp/site/s/open" "$tmp/site/api/v1/s"
code 'a folder without a site' 3 "$ASSAY" serve --site "$tmp/empty"
has 'it is said how to build one' 'assay site build -o' "$tmp/err"
for page in '' s/inner/ s/innermost/ s/open/; do echo "<!doctype html>front" >"$tmp/site/${page}index.html"; done
echo '{}' >"$tmp/site/api/v1/s/inner.json"
gzip -k "$tmp/site/index.html"
echo 'secret text' >"$tmp/secret" && ln -s ../secret "$tmp/site/link" && echo 'secret text' >"$tmp/site/.hidden"
code 'a site that shows a private suite on open pages' 2 "$ASSAY" serve --site "$tmp/site" --private /s/inner/
has 'it is said how to build it' 'assay site build -o '"$tmp/site --private inner" "$tmp/err"
# A name that no suite has would leave a board open: one that is in the library alone (as inner), or in the database alone, will do.
for how in "serve --private /s/inne/" 'site build --private inne' 'nightly --no-wait --private inne'; do
    # shellcheck disable=SC2086 # words
    code "no suite has the name that is to be closed: $how" 2 timeout 60 "$ASSAY" $how
    has 'the nearest name is said' "did you mean 'inner'?" "$tmp/err"
done
code 'nor has a path' 2 "$ASSAY" site build --private "$tmp/tasks/inner.lua"
code 'a task is no suite' 2 "$ASSAY" site build --private E2EPairs
code 'a path from nowhere closes nothing' 2 "$ASSAY" serve --private s/inner/
has 'it is said how boards are named' 'a board is at /s/SUITE/' "$tmp/err"
code 'a suite that is in the library alone' 0 "$ASSAY" site build -o "$tmp/apart" --private inner --private e2e
code 'a suite that is in the database alone' 0 "$ASSAY" site build -o "$tmp/apart" --private e2e --tasks "$tmp/empty"
[ -e "$tmp/apart/s/e2e/s/e2e/index.html" ] || fail 'a board is apart'
echo "<!doctype html>board" >"$tmp/site/s/inner/s/inner/index.html"
serve site --site "$tmp/site" --private /s/inner/ --rate-reads 0
http the_site_is_served_and_its_private_board_is_not parts_of_a_file_are_answered_as_http_says
stop site

# ---- the queue, whoever filled it, in the order in which workers take it ----

"$ASSAY" submit tiny/decoder -s e2e --dtype bf16 --priority 1 >/dev/null
serve shown --rate-reads 0
order=$(python3 "$e2e/serve.py" the_queue_is_shown_whoever_filled_it) || fail 'the queue'
# A worker that is there, and has no room for the job of another submission.
WAITS=$(python3 "$e2e/serve.py" one_waits_for_a_worker) || fail 'one that waits'
export WAITS
sql "UPDATE jobs SET needs_mb = 64000 FROM submission_jobs s JOIN requests USING (submission_id)
    WHERE request_id = $WAITS AND s.job_id = jobs.job_id AND jobs.state = 'queued'"
sql "SELECT register_worker(gen_random_uuid(), 'small', 1, 'test', '{\"machine\": {\"memory_mb\": 2048}}')" >/dev/null
http what_no_worker_has_room_for_is_said
sql "SELECT cancel_request($WAITS, NULL, true); UPDATE workers SET stopped_at = clock_timestamp() WHERE host = 'small'" >/dev/null
stop shown
"$ASSAY" worker --drain --device cpu --max-mem 4096 >"$tmp/worker2.log" 2>&1 || fail 'the second worker'
equal 'a worker says what its machine has' '4096|cpu|0|true' "$(sql "SELECT info -> 'machine' ->> 'memory_mb', info -> 'machine' ->> 'device',
    info -> 'machine' ->> 'gpus', (info -> 'machine' ->> 'disk_mb')::integer > 0 FROM workers ORDER BY started_at DESC LIMIT 1" | sed 's/|t$/|true/')"
equal 'jobs were taken in the order that was shown' "$order" "$(sql "SELECT string_agg(m.name || ':' || t.name, ' ' ORDER BY a.started_at, a.job_id) FROM attempts a
    JOIN jobs j USING (job_id) JOIN tasks t USING (task_id) JOIN revisions USING (revision_id) JOIN models m USING (model_id)
    WHERE a.started_at > (SELECT max(created_at) FROM submissions)")"

# An attempt that isn't the first looks for what the one before it left.
"$ASSAY" queue retry 1 >/dev/null
"$ASSAY" worker --drain >"$tmp/worker3.log" 2>&1 || fail 'the third worker'
has 'a worker says that nothing of an earlier attempt is in its home' 'begins anew' "$tmp/worker3.log"
! grep -q 'begins anew' "$tmp/worker2.log" || fail 'a first attempt looks for another'

# ---- an end in order ----

serve ending --rate-user 0
sql 'BEGIN; LOCK TABLE requests IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT' >/dev/null &
locker=$!
locked() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE relation = 'assay.requests'::regclass AND mode = 'AccessExclusiveLock'")" = 1 ]; }
wait_for 'the table is locked' locked
background late python3 "$e2e/serve.py" it_is_answered
late=$pid
waits() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%accept_request%'")" -gt 0 ]; }
wait_for 'a submission waits for it' waits
stop 'one that is asked to end while it is at something'
wait "$late" || fail 'what was under way got no answer'
ok 'what was under way was answered'
wait "$locker"

# ---- who it is to the database ----

for what in 'SELECT * FROM api_tokens' 'SELECT * FROM requests' 'SELECT * FROM jobs' 'UPDATE requests SET votes = 9' \
    "SELECT add_token('$(printf '%064d' 0)', 'x', 'x', '', '{admin}', NULL, NULL)" 'SELECT end_request(1, $$done$$)'; do
    ! sql "SET ROLE assay_submitter; $what" >/dev/null 2>&1 || fail "the service's role may: $what"
done
ok "the service's role may call its functions, and nothing else"

# ---- a Unix socket ----

background local "$ASSAY" serve --listen "unix:$tmp/serve.sock" --anonymous
server=$pid
wait_for 'it listens on a socket' test -S "$tmp/serve.sock"
py 'it answers there' 'import socket
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
assert s.recv(1000).startswith(b"HTTP/1.1 200"), "no 200"' "$tmp/serve.sock"
stop 'the one on a socket'
[ ! -e "$tmp/serve.sock" ] || fail 'it left its socket behind'
code 'an address that is none' 2 "$ASSAY" serve --listen nowhere
finish
