#!/bin/sh
# A cache with a budget: each download makes room by what was used longest ago; what somebody reads stays, and what can't fit is
# not begun.
. "$(dirname "$0")/lib.sh"
for m in a b c d; do
    mkdir -p "$tmp/tree/models/org/$m"
    echo '{}' >"$tmp/tree/models/org/$m/config.json"
    random_file 3000000 "$tmp/tree/models/org/$m/model.safetensors"
    printf '%s' "$m" >>"$tmp/tree/models/org/$m/model.safetensors"
done
"$assay" hub serve "$tmp/tree" --port 0 --port-file "$tmp/port" >"$tmp/hub.log" 2>&1 &
hub=$!
wait_for test -s "$tmp/port"
HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
export HF_ENDPOINT ASSAY_HUB_CACHE_MAX=7M
# get MODEL AGE: it is pulled, and was used so many days ago.
get() {
    "$assay" hub pull "org/$1" >/dev/null
    find "$cache/models--org--$1" -name '*.use' -exec touch -d "$2 days ago" {} +
    find "$cache/models--org--$1/blobs" -type f -exec touch -a -d "$2 days ago" {} +
}
has() { [ -e "$cache/models--org--$1" ]; }
get a 3
get b 2
has a && has b || fail 'what fits was removed'
get c 1
has a && fail 'the oldest stays'
has b && has c || fail 'more was removed than had to be'
exec 9<"$(find "$cache/models--org--b/blobs" -size +1000k)"
get d 0
has b || fail 'what a process reads was removed'
has c && fail 'what nobody uses stays'
exec 9<&-
code 6 env ASSAY_HUB_CACHE_MAX=1M "$assay" hub pull org/a
grep -q ASSAY_HUB_CACHE_MAX "$tmp/err.log" || fail 'it does not say why'
has d || fail 'what does not fit made room for nothing'
code 2 env ASSAY_HUB_CACHE_MAX=much "$assay" hub pull org/a
fault_held 14_a_budget_makes_room_before_the_disk_is_full
