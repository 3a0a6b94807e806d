#!/bin/sh
# A board beyond 400 models, whose pages say of the others only what seldom changes: what an incremental build leaves is what a build
# afresh makes, byte for byte, and pages of models whose own ranks and runs are as before are left alone.
. "$(dirname "$0")/lib.sh"
top=$(dirname "$0")/../..

code 'db init' 0 "$ASSAY" db init
fill() { { printf '\\set models 420\n\\set tasks 6\n' && cat "$top/script/$1"; } >"$tmp/sql" && code "$1" 0 "$ASSAY" db psql <"$tmp/sql"; }
fill bench_site.sql
code 'a build' 0 "$ASSAY" site build -o "$tmp/site" --plain
touch "$tmp/built"
fill bench_site_change.sql
sleep 1
code 'one after a change of ten models' 0 "$ASSAY" site build -o "$tmp/site" --plain
code 'one afresh' 0 "$ASSAY" site build -o "$tmp/afresh" --plain
differ=$(diff -rq -x .assay-memory "$tmp/site" "$tmp/afresh" | grep -v /queue | head -3)
equal 'both are the same, byte for byte' '' "$differ"
equal 'ten new runs stand with their models' 10 "$(find "$tmp/site/api/v1/m" -path '*/r/*' -name '*.json' -exec grep -l '2026-02-01' {} + | wc -l)"
changed=$(find "$tmp/site/m" -path '*/m/*/*/index.html' -not -path '*/r/*' -newer "$tmp/built" | wc -l)
equal "most pages of models are as they were ($changed of 420 are not)" 1 "$([ "$changed" -ge 10 ] && [ "$changed" -le 210 ] && echo 1)"
finish
