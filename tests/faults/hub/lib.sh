# What the hub's fault scripts share. Sourced: script.sh ASSAY HOSTILE_HUB. A scratch folder, an empty cache, no token; all of
# it and every process is gone when the script ends.
set -eu
export LC_ALL=C
assay=$1 hostile=$2
name=$(basename "$0" .sh)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-hub-XXXXXX")
hub='' pids=''
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_HUB_OFFLINE TRANSFORMERS_OFFLINE HF_HUB_CACHE HF_ENDPOINT ASSAY_HUB_CACHE_MAX CURL_CA_BUNDLE SSL_CERT_FILE \
    http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY || true
export HF_HOME="$tmp/hf" ASSAY_HOME="$tmp/home" ASSAY_NO_PROGRESS=1 no_proxy='*' HF_HUB_DOWNLOAD_TIMEOUT=2 HF_HUB_ETAG_TIMEOUT=20
cache=$HF_HOME/hub

cleanup() {
    code=$?
    trap - EXIT INT TERM
    for pid in $pids $hub; do
        kill -9 "$pid" 2>/dev/null || true
    done
    for mount in $(mount | awk -v t="$tmp/" 'index($3, t) == 1 { print $3 }'); do
        umount "$mount" 2>/dev/null || true
    done
    [ "$code" = 0 ] || [ "$code" = 77 ] || tail -n 20 "$tmp"/*.log >&2 2>/dev/null || true
    rm -rf "$tmp"
    exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { echo "$name: FAILED: $*" >&2; exit 1; }
skip() { echo "$name: skipped: $*" >&2; exit 77; }
fault_held() { printf '[       OK ] fault_%s\n' "$1"; }
random_file() { openssl enc -aes-128-ctr -pass pass:assay -nosalt -pbkdf2 </dev/zero 2>/dev/null | head -c "$1" >"$2"; }

# serve FILE [DEEDS]: the hostile hub has it; its address is $HF_ENDPOINT, what it sent $tmp/stats.
serve() {
    [ -z "$hub" ] || { kill "$hub"; wait "$hub" || true; }
    rm -f "$tmp/port" "$tmp/stats"
    file=$1
    shift
    "$hostile" "$file" "$tmp/port" "$tmp/stats" "$@" 2>"$tmp/hub.log" &
    hub=$!
    wait_for test -s "$tmp/stats"
    HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
    export HF_ENDPOINT
}
wait_for() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 2400 ] || fail "waited in vain for: $*"
        sleep 0.05
    done
}
sent() { sleep 0.6; cut -d' ' -f2 "$tmp/stats"; }
pull() { "$assay" hub pull org/m; }
snapshot() { echo "$cache"/models--org--m/snapshots/*; }
# arrived FILE: it is what is in the cache, under its name.
arrived() { cmp -s "$1" "$(snapshot)/model.safetensors" || fail "what arrived is not $1"; }
forget() { rm -rf "$cache" "$tmp/home"; }
# code EXPECTED COMMAND...
code() {
    expected=$1 got=0
    shift
    "$@" >"$tmp/out.log" 2>"$tmp/err.log" || got=$?
    [ "$got" = "$expected" ] || fail "expected exit code $expected, got $got: $*"
}
