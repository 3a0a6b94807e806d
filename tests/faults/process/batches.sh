#!/bin/sh
# A score does not depend on what was computed beside it: steps of few rows and of many, one thread and two, the same bits.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
measure() { "$ASSAY" eval "tiny/$1" -t "$2" --no-db --no-cache --no-progress --json --samples --out "$tmp/$3" --threads "$4" --max-mem "$5" >"$tmp/$3.json"; }
for pair in decoder:E2EChoice encoder:E2EPairs encoder:E2ELookup; do
    model=${pair%:*} task=${pair#*:}
    measure "$model" "$task" "$task-large" 2 512
    for mib in 1 3 20; do
        measure "$model" "$task" "$task-$mib" 1 $mib || fail "$task in $mib MiB"
        what="$task in $mib MiB: the same numbers"
        py "$what" 'a, b = result(sys.argv[1]), result(sys.argv[2])
assert a["metrics"] == b["metrics"] and a["n"] == b["n"], (a["metrics"], b["metrics"])' "$tmp/$task-large.json" "$tmp/$task-$mib.json"
        equal "$task in $mib MiB: the same samples" "$(find "$tmp/$task-large" -name 'samples_*' -exec cat {} + | sha256sum)" \
            "$(find "$tmp/$task-$mib" -name 'samples_*' -exec cat {} + | sha256sum)"
    done
done
fault_held 29_a_score_is_the_same_whatever_the_size_of_its_steps
finish
