#!/bin/sh
# kill -9 at each step between the last byte and the link, and at each step of removing: what is in the cache always verifies,
# and what was fetched is not fetched again.
. "$(dirname "$0")/lib.sh"
size=6000000
random_file $size "$tmp/model"
serve "$tmp/model"

for place in hub_fsync hub_rename hub_renamed hub_arrived hub_write; do
    for n in 1 2 3; do
        forget
        ASSAY_FAULT="$place:$n!KILL" pull >/dev/null 2>&1 || true
        [ ! -d "$cache" ] || "$assay" hub verify >"$tmp/verify.log" || fail "after kill -9 at $place:$n the cache does not verify"
        pull >/dev/null || fail "after kill -9 at $place:$n nothing can be pulled"
        arrived "$tmp/model"
        "$assay" hub verify >/dev/null || fail "after $place:$n and a pull the cache does not verify"
    done
done
n=1
while :; do
    forget
    pull >/dev/null
    killed=0
    ASSAY_FAULT="hub_gc:$n!KILL" "$assay" hub rm org/m >/dev/null 2>&1 || killed=$?
    "$assay" hub verify >"$tmp/verify.log" || fail "after kill -9 at step $n of removing the cache does not verify"
    "$assay" hub gc >/dev/null || fail 'gc fails'
    pull >/dev/null || fail "after kill -9 at step $n of removing nothing can be pulled"
    arrived "$tmp/model"
    [ "$killed" = 137 ] || break
    n=$((n + 1))
done
[ $n -gt 5 ] || fail "removing has $n steps only"
fault_held 25_a_kill_between_any_two_steps_leaves_a_cache_that_verifies

# What is in use is not removed, nor what another program reads; what is not, goes.
forget
pull >/dev/null
exec 9<"$(snapshot)/model.safetensors"
code 8 "$assay" hub rm org/m
"$assay" hub gc --max-size 0 >"$tmp/gc.log"
grep -q '^in use: org/m' "$tmp/gc.log" || fail 'a file that a process has open was removed'
arrived "$tmp/model"
exec 9<&-
"$assay" hub gc --max-size 0 --dry-run >"$tmp/gc.log"
arrived "$tmp/model"
"$assay" hub gc --max-size 0 >"$tmp/gc.log"
[ ! -e "$cache/models--org--m" ] || fail 'what nobody uses stays'
fault_held 25_what_is_in_use_stays_when_room_is_made
