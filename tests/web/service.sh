#!/bin/sh
# The service's pages in a real browser: forms, what becomes of a submission in each of its states, the queue, signing in,
# refusals; for nobody and for somebody who has signed in. WEB_CHECK names the program; screenshots go to the folder $1.
. "$(cd "$(dirname "$0")/../e2e" && pwd)/lib.sh"
: "${WEB_CHECK:?names web_check}"
shots=${1:-$tmp/shots}

models
library
hub
"$ASSAY" db init >/dev/null
token() { "$ASSAY" token add --json "$@" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'; }
ada=$(token --user ada --org lovelace --scope submit,read)
"$ASSAY" submit tiny/encoder -s e2e >/dev/null
"$ASSAY" worker --drain >"$tmp/worker.log" 2>&1
"$ASSAY" site build -o "$tmp/site" >/dev/null
# What a run's page says to run is taken by the program, as it stands there.
for page in "$tmp"/site/m/tiny/encoder/r/*/index.html; do
    command=$(python3 -c 'import html, re, sys
print(html.unescape(re.search(r"id=.command.>([^<]*)<", open(sys.argv[1]).read()).group(1)))' "$page")
    case $command in "assay eval "*) ;; *) fail "the page of a run says '$command'" ;; esac
    (eval "set -- $command" && shift && "$ASSAY" "$@" --no-db --dry-run) >"$tmp/command.out" 2>&1 ||
        fail "'$command' cannot be run: $(cat "$tmp/command.out")"
done
ok 'the commands of run pages can be run'
background serve "$ASSAY" serve --listen 127.0.0.1:0 --port-file "$tmp/serve.port" --site "$tmp/site" --anonymous --rate-reads 0 \
    --rate-address 0 --rate-user 0 --suite e2e --suite another-suite
wait_for 'the service listens' test -s "$tmp/serve.port"
url=http://127.0.0.1:$(cat "$tmp/serve.port")

# One submission of each fate; their numbers are those in which they are handed in.
hand_in() {
    python3 -c 'import json, sys, urllib.request
body = {"model": sys.argv[2], "suite": "e2e", **json.loads(sys.argv[3])}
r = urllib.request.Request(sys.argv[1] + "/api/v1/submissions", json.dumps(body).encode(), {"Content-Type": "application/json",
    "Authorization": "Bearer " + sys.argv[4]})
urllib.request.urlopen(r).read()' "$url" "$1" "$2" "$ada"
}
resolved() { [ "$(sql "SELECT count(*) FROM requests WHERE state = 'pending'")" = 0 ]; }
ended() { [ "$(sql 'SELECT count(*) FROM requests WHERE ended_at IS NULL')" = "$1" ]; }
hand_in tiny/encoder '{}'                             # 1 done
hand_in tiny/nowhere '{}'                             # 2 refused
hand_in tiny/encoder '{"dtype": "f16"}'               # 3 failed
wait_for 'they are looked up' resolved
"$ASSAY" worker --drain >>"$tmp/worker.log" 2>&1
wait_for 'the first end' ended 0
hand_in tiny/decoder '{"dtype": "f32"}'               # 4 queued
hand_in tiny/decoder '{"dtype": "bf16", "webhook": "https://hooks.example.org/a-rather-long-address/of/a/webhook"}' # 5 running
wait_for 'they are looked up' resolved
"$ASSAY" submit tiny/encoder -s e2e --dtype bf16 >/dev/null # jobs that no request asked for
sql "UPDATE jobs SET priority = 9 WHERE state = 'queued' AND job_id IN (SELECT job_id FROM submission_jobs WHERE submission_id =
    (SELECT submission_id FROM requests WHERE request_id = 5))" >/dev/null

pages='submit=submit submit-filled=submit?model=org/a-model-with-a-very-long-name-that-goes-on-and-on&suite=e2e queue=queue
    older=queue?before=3 signin=signin api=api done=submissions/1 refused=submissions/2 failed=submissions/3 queued=submissions/4
    running=submissions/5 missing=submissions/99999 missing-file=nowhere/at/all'
# shellcheck disable=SC2086
"$WEB_CHECK" --at "$url" --submit tiny/encoder,e2e "$shots" $pages || fail 'pages as nobody sees them'
ok 'pages as nobody sees them'
pages='signed-submit=submit signed-queued=submissions/4 signed-queue=queue'
# shellcheck disable=SC2086
"$WEB_CHECK" --at "$url" --cookie "assay_token=$ada" "$shots" $pages || fail 'pages as somebody sees them who signed in'
ok 'pages as somebody sees them who signed in'
finish
