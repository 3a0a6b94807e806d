#!/bin/sh
# Models that a hub lists and a board has not: the listing page by page, its filters and orders, policy, and what is known.
. "$(dirname "$0")/lib.sh"
"$MAKE_TINY" "$tmp/hub" 6
library
says() { printf '%s\n' "$2" >"$tmp/hub/models/many/$1/.hub.json"; }
card() { printf -- '---\n%s\n---\nNoise.\n' "$2" >"$tmp/hub/models/many/$1/README.md"; }
says m001 '{"likes": 5, "downloads": 10, "trendingScore": 1, "createdAt": "2026-01-03T00:00:00.000Z"}'
says m002 '{"likes": 4, "downloads": 60, "trendingScore": 9, "createdAt": "2026-01-02T00:00:00.000Z"}'
says m003 '{"likes": 9, "downloads": 20, "trendingScore": 5, "createdAt": "2026-01-01T00:00:00.000Z"}'
card m001 'license: mit
library_name: mine'
card m002 'license: apache-2.0
library_name: mine'
card m003 'license: other
library_name: mine'
card m004 'tags: [none]'
background hub "$ASSAY" hub serve "$tmp/hub" --port 0 --page 2 --port-file "$tmp/port"
wait_for 'the hub listens' test -s "$tmp/port"
HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
export HF_ENDPOINT
"$ASSAY" db init >/dev/null
look() { "$ASSAY" queue discover -s e2e --dry-run --json "$@" >"$tmp/out"; }
names() { python3 -c 'import json, sys; print(*[m["model"].split("/")[1] for m in json.load(open(sys.argv[1]))["models"] if m["answer"] == sys.argv[2]])' "$tmp/out" "$1"; }

# ---- the listing ----
look --sort downloads --limit 100
equal 'all pages, the most downloaded first' 'm002 m003 m001 m004 m005 m006 decoder encoder' "$(names 'would be submitted')"
look --sort trending --library mine
equal 'one library, by trend' 'm002 m003 m001' "$(names 'would be submitted')"
look --sort likes --library mine
equal 'by likes' 'm003 m001 m002' "$(names 'would be submitted')"
look --sort created --library mine
equal 'the newest first' 'm001 m002 m003' "$(names 'would be submitted')"
look --library sentence-transformers
equal 'a library that its files tell' encoder "$(names 'would be submitted')"
look --library mine --license apache-2.0,mit
equal 'licences' 'm002 m001' "$(names 'would be submitted')"
look --library mine --max-params 1K
equal 'sizes' '' "$(names 'would be submitted')"
look --library mine --max-params 8B --limit 2
equal 'no more than asked for' 'm002 m003' "$(names 'would be submitted')"
look --library mine --policy public
equal 'policy holds' 'm003' "$(names held)"
equal 'a look changes nothing' '0|0' "$(sql 'SELECT (SELECT count(*) FROM submissions), (SELECT count(*) FROM held_submissions)')"
cp "$tmp/out" "$tmp/over-http"
"$ASSAY" queue discover -s e2e --dry-run --json --library mine --policy public --hub "$tmp/hub" >"$tmp/out"
equal 'a mirror in a folder lists the same' "$(cat "$tmp/over-http")" "$(cat "$tmp/out")"

# ---- submission ----
"$ASSAY" queue ban many/m001 --reason spam --as eve >/dev/null
code 'what there is' 0 "$ASSAY" queue discover -s e2e --library mine --policy public --json
equal 'one is submitted' m002 "$(names submitted)"
equal 'as discover' 'discover|many/m002' "$(sql 'SELECT submitter, requested FROM submissions')"
equal 'one waits' many/m003 "$(sql 'SELECT model FROM moderation_queue')"
code 'again' 0 "$ASSAY" queue discover -s e2e --library mine --policy public --json
equal 'all are known' 'm002 m003 m001' "$(names known)"
code 'in words' 0 "$ASSAY" queue discover -s e2e --library mine
has 'nothing more' '3 looked at, 0 submitted' "$tmp/out"
code 'no such order' 2 "$ASSAY" queue discover -s e2e --sort beauty
code 'no such size' 2 "$ASSAY" queue discover -s e2e --max-params large
finish
