#!/bin/sh
# The disk below a pull: full, gone, failing. What came is kept and gone on with, or there is nothing.
. "$(dirname "$0")/lib.sh"
size=20000000
random_file $size "$tmp/model"

# Full half-way, where the file system promises nothing beforehand.
serve "$tmp/model"
code 1 env ASSAY_FAULT=hub_write:12+ "$assay" hub pull org/m
grep -q 'No space left' "$tmp/err.log" || fail 'a full disk is not said to be one'
pull >/dev/null
arrived "$tmp/model"
[ "$(sent)" -le $((size / 20 * 21)) ] || fail "after a full disk all was fetched again: $(sent)"
# A limit on the size of files.
forget
serve "$tmp/model"
code 1 sh -c 'ulimit -f 4000; trap "" XFSZ; exec "$0" hub pull org/m' "$assay"
pull >/dev/null
arrived "$tmp/model"
# A small file system, where one may be mounted.
if mkdir "$tmp/small" && mount -t tmpfs -o size=3m none "$tmp/small" 2>/dev/null; then
    code 1 env HF_HOME="$tmp/small/hf" ASSAY_HOME="$tmp/small/home" "$assay" hub pull org/m
    grep -q 'GB left' "$tmp/err.log" || fail 'that there is no room is not said beforehand'
    umount "$tmp/small"
fi
fault_held 14_a_full_disk_costs_nothing_that_came

# No folder there, or none that can be written to.
forget
: >"$tmp/file"
code 1 env HF_HUB_CACHE="$tmp/file/cache" "$assay" hub pull org/m
[ -s "$tmp/err.log" ] || fail 'it does not say why'
fault_held 17_a_cache_that_is_not_there_is_said_to_be_none

# Reading back.
forget
code 1 env ASSAY_FAULT=hub_read:2 "$assay" hub pull org/m
grep -q 'could not read the download' "$tmp/err.log" || fail 'an error of reading is not said to be one'
ASSAY_FAULT=hub_read_short:1+ "$assay" hub pull org/m >/dev/null || fail 'short reads are errors'
arrived "$tmp/model"
fault_held 18_a_download_that_cannot_be_read_back_is_not_taken

forget
serve "$tmp/model"
code 1 env ASSAY_FAULT=hub_fsync:1+ "$assay" hub pull org/m
[ -z "$(find "$cache" -path '*/blobs/*')" ] || fail 'what was not synced is kept'
pull >/dev/null
arrived "$tmp/model"
fault_held 19_what_could_not_be_synced_is_fetched_again
