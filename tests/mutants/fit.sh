#!/bin/sh
# Every mutant still fits the tree: a patch that doesn't would go unseen until somebody runs them all.
set -eu
cd "$(dirname "$0")/../.."
n=0 bad=0
for patch in tests/mutants/*.patch; do
    n=$((n + 1))
    git apply --check "$patch" || { echo "$patch does not fit" >&2; bad=1; }
    sed -n 1p "$patch" | grep -q '^# test: .' || { echo "$patch names no test" >&2; bad=1; }
done
[ "$n" -gt 0 ] && [ "$bad" = 0 ] && echo "$n mutants fit"
