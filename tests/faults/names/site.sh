#!/bin/sh
# A site is old or new, never half: a full disk, kill -9 at each step, two who build at once.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
code 'db init' 0 "$ASSAY" db init
library
code 'a job, so that there is something to show' 0 "$ASSAY" submit -s e2e_slow tiny/decoder
code 'which does not wait, as the site tells for how long' 0 "$ASSAY" queue cancel 1
# build FOLDER TITLE: the title is on each page.
build() { "$ASSAY" site build -o "$1" --title "$2"; }
whole() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum); }
build "$tmp/a" Old >/dev/null
build "$tmp/b" New >/dev/null
old=$(whole "$tmp/a") new=$(whole "$tmp/b")
[ "$old" != "$new" ] || fail 'the title is on no page'
site=$tmp/site

# ---- a full disk ----
build "$site" Old >/dev/null
code 'a full disk: exit code 1' 1 env ASSAY_FAULT=site_write:3+ "$ASSAY" site build -o "$site" --title New
has 'it says so' 'No space left' "$tmp/err"
equal 'a full disk: the old site is whole' "$old" "$(whole "$site")"
equal 'a full disk: nothing is left beside it' '' "$(find "$tmp" -maxdepth 1 -name 'site.new')"
if mkdir "$tmp/small" && mount -t tmpfs -o size=8m tmpfs "$tmp/small" 2>/dev/null; then
    build "$tmp/small/site" Old >/dev/null
    cat /dev/zero >"$tmp/small/filler" 2>/dev/null || true
    got=0
    build "$tmp/small/site" New >"$tmp/out" 2>"$tmp/err" || got=$?
    seen=$(whole "$tmp/small/site")
    umount "$tmp/small"
    equal 'a real full disk: exit code 1' 1 "$got"
    equal 'a real full disk: the old site is whole' "$old" "$seen"
else
    echo 'a file system of a test is not allowed here: the place site_write stood for it'
fi
fault_held 16_a_disk_full_under_a_new_site_leaves_the_old_one_whole

# ---- kill -9 ----
for point in site_write:1 site_write:2 site_write:7 site_sync:1 site_swapped:1; do
    build "$site" Old >/dev/null
    code "kill -9 at $point" 137 env "ASSAY_FAULT=$point!KILL" "$ASSAY" site build -o "$site" --title New
    case $point in site_swapped:*) expected=$new ;; *) expected=$old ;; esac
    equal "$point: readers see a whole one" "$expected" "$(whole "$site")"
    code "$point: the next build" 0 build "$site" New
    equal "$point: and then the new one" "$new" "$(whole "$site")"
    equal "$point: nothing is left beside it" '' "$(find "$tmp" -maxdepth 1 -name 'site.new')"
done

# ---- two at once ----
background first env 'ASSAY_FAULT=site_write:3!STOP' "$ASSAY" site build -o "$site" --title Old
stopped() { grep -q '^State:[[:space:]]*T' "/proc/$pid/status"; }
wait_for 'the first is in the middle' stopped
code 'the second is told so' 8 build "$site" New
equal 'two at once: the site is whole' "$new" "$(whole "$site")"
kill -CONT "$pid"
code 'the first ends well' 0 wait "$pid"
equal 'two at once: the first has made its site' "$old" "$(whole "$site")"
fault_held 102_a_site_that_is_built_is_seen_whole_whatever_befalls_its_builders
finish
