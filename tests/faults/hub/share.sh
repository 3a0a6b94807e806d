#!/bin/sh
# Eight pullers of one model at once: one download, all have it; also where locks do nothing.
. "$(dirname "$0")/lib.sh"
size=50000000
random_file $size "$tmp/model"

eight() {
    pids=''
    for i in 1 2 3 4 5 6 7 8; do
        "$assay" hub pull org/m >"$tmp/$i.log" 2>&1 &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || fail "one of eight failed"
    done
    pids=''
    arrived "$tmp/model"
    "$assay" hub verify >/dev/null || fail 'the cache does not verify'
}

serve "$tmp/model"
eight
[ "$(sent)" -le $((size / 20 * 21)) ] || fail "eight fetched $(sent) bytes of $size"
fault_held 24_eight_who_want_one_model_share_a_download

forget
serve "$tmp/model"
ASSAY_FAULT=hub_flock:1+ eight
# How many of them meet is chance; none fetches it more than once.
[ "$(sent)" -le $((size * 8 / 20 * 21)) ] || fail "without locks eight fetched $(sent) bytes of $size"
fault_held 24_and_where_locks_do_nothing_each_has_what_it_wants
