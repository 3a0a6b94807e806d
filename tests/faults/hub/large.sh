#!/bin/sh
# A model of 4 GB (or $ASSAY_LARGE_BYTES) from a hub under a storm: refusals, cuts, silence; kill -9 in the middle, several
# times. It arrives as it was, and what the hub sent is at most 1.05 times its bytes. Then one bit is turned over on the way.
. "$(dirname "$0")/lib.sh"
size=${ASSAY_LARGE_BYTES:-4000000000}
room=$(df -P -k "$tmp" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
[ "$room" -gt $((size * 5 / 2)) ] || skip "it takes $((size * 5 / 2)) bytes of disk in $tmp"
# Sixteenths of it are random, no two alike: every piece differs from every other, and it is there quickly.
random_file $((size / 16 + 1048576)) "$tmp/random"
truncate -s "$size" "$tmp/model"
i=0
while [ $((i * 16)) -lt $((size / 1048576)) ]; do
    dd if="$tmp/random" of="$tmp/model" bs=1M count=1 skip=$i seek=$((i * 16)) conv=notrunc 2>/dev/null
    i=$((i + 1))
done
rm "$tmp/random"
serve "$tmp/model" storm
kills=0
for share in 20 50 80; do
    "$assay" hub pull org/m >"$tmp/pull.log" 2>&1 & # not by a function: its shell would be killed
    pids=$!
    until [ "$(cut -d' ' -f2 "$tmp/stats")" -gt $((size / 100 * share)) ]; do
        kill -0 "$pids" 2>/dev/null || fail "it ended before it was killed: $(cat "$tmp/pull.log")"
        sleep 0.05
    done
    kill -9 "$pids"
    wait "$pids" 2>/dev/null || true
    kills=$((kills + 1))
done
pids=''
pull >"$tmp/pull.log" 2>&1 || fail "it does not arrive: $(cat "$tmp/pull.log")"
arrived "$tmp/model"
bytes=$(sent)
requests=$(cut -d' ' -f1 "$tmp/stats")
awk -v b="$bytes" -v s="$size" -v r="$requests" -v k="$kills" \
    'BEGIN { printf "%.0f bytes in %d requests, %d kills: the hub sent %.4f times that\n", s, r, k, b / s; exit b > 1.05 * s }' ||
    fail "$bytes bytes were sent for $size"
fault_held 49_four_gigabytes_arrive_whole_through_a_storm_and_kills
"$assay" hub verify >"$tmp/verify.log" || fail 'it does not verify'

forget
serve "$tmp/model" flip $((size / 2 * 8 + 3))
small=$((300 * 1000 * 1000))
[ "$size" -le "$small" ] || { head -c "$small" "$tmp/model" >"$tmp/part"; mv "$tmp/part" "$tmp/model"; serve "$tmp/model" flip $((small / 2 * 8 + 3)); }
code 7 pull
grep -q 'other bytes' "$tmp/err.log" || fail 'a bit that was turned over is not found'
[ -z "$(find "$cache" -path '*/blobs/*' -size +1000k)" ] || fail 'what is wrong is kept'
fault_held 50_one_bit_of_a_large_file_is_found
