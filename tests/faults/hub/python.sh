#!/bin/sh
# One cache for both: what Assay fetched is read by huggingface_hub, and the reverse. Skips where that is not installed
# ($ASSAY_PYTHON, else python3, else the benchmark's environment).
. "$(dirname "$0")/lib.sh"
python=''
for p in "${ASSAY_PYTHON:-python3}" "${ASSAY_BENCH_HOME:-$HOME/.cache/assay-bench}/venv/bin/python"; do
    [ -n "$python" ] || ! "$p" -c 'import huggingface_hub' 2>/dev/null || python=$p
done
[ -n "$python" ] || skip 'huggingface_hub (PyPI) is not here'
tree=$tmp/tree/models/org/m
mkdir -p "$tree/1_Pooling"
echo '{"model_type": "bert"}' >"$tree/config.json"
echo '{"pooling_mode": "mean"}' >"$tree/1_Pooling/config.json"
random_file 5000000 "$tree/model.safetensors"
"$assay" hub serve "$tmp/tree" --port 0 --port-file "$tmp/port" >"$tmp/hub.log" 2>&1 &
hub=$!
wait_for test -s "$tmp/port"
HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
export HF_ENDPOINT HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 HF_HUB_DISABLE_XET=1

"$assay" hub pull org/m >"$tmp/path"
"$python" - "$(cat "$tmp/path")" <<'PY' || fail 'huggingface_hub does not read what Assay fetched'
import filecmp, os, sys
from huggingface_hub import _CACHED_NO_EXIST, snapshot_download, hf_hub_download, scan_cache_dir, try_to_load_from_cache
os.environ["HF_HUB_OFFLINE"] = "1"
path = snapshot_download("org/m", local_files_only=True)
assert os.path.realpath(path) == os.path.realpath(sys.argv[1]), (path, sys.argv[1])
for name in ("config.json", "1_Pooling/config.json", "model.safetensors"):
    assert os.path.getsize(hf_hub_download("org/m", name, local_files_only=True)) > 0
assert try_to_load_from_cache("org/m", "tokenizer.json") is _CACHED_NO_EXIST
assert try_to_load_from_cache("org/m", "vocab.bin") is None
info = scan_cache_dir()
assert not info.warnings, info.warnings
repo, = info.repos
assert repo.repo_id == "org/m" and repo.nb_files == 3, repo
revision, = repo.revisions
assert revision.refs == {"main"}, revision
PY
fault_held 50_python_reads_what_assay_fetched
"$python" - "$(cat "$tmp/path")" <<'PY' || fail 'huggingface_hub does not know the list of files that Assay kept'
import os, sys
try:
    from huggingface_hub._tree_cache import read_tree_cache
except ImportError:
    sys.exit(0)
entries = read_tree_cache(os.path.dirname(os.path.dirname(sys.argv[1])), os.path.basename(sys.argv[1]))
assert entries and set(entries) == {"config.json", "1_Pooling/config.json", "model.safetensors"}, entries
assert entries["model.safetensors"].lfs_size == 5000000
PY

rm -rf "$HF_HOME"
"$python" -c 'from huggingface_hub import snapshot_download; print(snapshot_download("org/m"))' >"$tmp/theirs" 2>"$tmp/python.log" ||
    fail "huggingface_hub does not pull from assay hub serve"
"$assay" hub verify org/m >/dev/null || fail 'what huggingface_hub fetched does not verify'
inode=$(stat -L -c %i "$(cat "$tmp/theirs")/model.safetensors")
[ "$(HF_HUB_OFFLINE=1 "$assay" hub pull org/m)" = "$(cat "$tmp/theirs")" ] || fail 'offline it is not found'
[ "$("$assay" hub pull org/m)" = "$(cat "$tmp/theirs")" ] || fail 'it is fetched to another place'
[ "$(stat -L -c %i "$(cat "$tmp/theirs")/model.safetensors")" = "$inode" ] || fail 'it is fetched again'
# Their store that repositories share: a blob is a link there.
store=$cache/blobs/ab/$(printf 'ab%062d' 7)
mkdir -p "$cache/blobs/ab"
printf '1\n' >"$cache/blobs/.huggingface-shared-blobs"
blob=$(find "$cache/models--org--m/blobs" -size +1000k)
mv "$blob" "$store"
ln -s "../../blobs/ab/$(basename "$store")" "$blob"
rm -rf "$cache/models--org--m/.assay"
[ "$("$assay" hub pull org/m)" = "$(cat "$tmp/theirs")" ] && [ -L "$blob" ] || fail 'a shared blob is not followed'
"$assay" hub verify org/m >/dev/null || fail 'a shared blob does not verify'
"$assay" hub rm org/m >/dev/null
[ -f "$store" ] || fail 'a blob of their store was removed'
# A damaged one of theirs is found and fetched.
rm -rf "$HF_HOME"
"$python" -c 'from huggingface_hub import snapshot_download; print(snapshot_download("org/m"))' >"$tmp/theirs" 2>"$tmp/python.log"
blob=$(find "$cache/models--org--m/blobs" -size +1000k)
chmod u+w "$blob"
printf X | dd of="$blob" bs=1 seek=4000000 conv=notrunc 2>/dev/null
code 10 "$assay" hub verify org/m
"$assay" hub pull org/m >/dev/null
"$assay" hub verify org/m >/dev/null || fail 'a damaged blob is not fetched again'
fault_held 50_what_python_left_damaged_is_found

# ---- names without an owner, as the hub's first models have them ----

solo=$tmp/tree/models/solo
mkdir -p "$solo"
echo '{"model_type": "bert"}' >"$solo/config.json"
random_file 200000 "$solo/model.safetensors"
rm -rf "$HF_HOME"
"$assay" hub pull solo >"$tmp/path"
"$python" - "$(cat "$tmp/path")" <<'PY' || fail 'huggingface_hub does not find a model without an owner'
import os, sys
from huggingface_hub import scan_cache_dir, snapshot_download
assert os.path.realpath(snapshot_download("solo", local_files_only=True)) == os.path.realpath(sys.argv[1])
repo, = scan_cache_dir().repos
assert repo.repo_id == "solo" and repo.nb_files == 2, repo
PY
"$assay" hub ls | grep -q ' solo\|^solo' || fail 'it is not listed'
"$assay" hub verify solo >/dev/null || fail 'it does not verify'
"$assay" hub rm solo >/dev/null
[ ! -e "$cache/models--solo/snapshots" ] || fail 'it is not removed'
"$python" -c 'from huggingface_hub import snapshot_download; print(snapshot_download("solo"))' >"$tmp/theirs" 2>"$tmp/python.log"
[ "$("$assay" hub pull solo)" = "$(cat "$tmp/theirs")" ] || fail 'it is fetched to another place'
"$assay" hub verify solo >/dev/null || fail 'theirs does not verify'
"$assay" hub gc --max-size 1K >/dev/null
[ ! -e "$(cat "$tmp/theirs")" ] || fail 'no room is made of it'

# ---- without links ----

export HF_HUB_DISABLE_SYMLINKS=1
rm -rf "$HF_HOME"
cp "$tree/config.json" "$tree/again.json" # one blob, two files
"$assay" hub pull org/m >"$tmp/path"
path=$(cat "$tmp/path")
[ -z "$(find "$cache" -type l)" ] || fail 'there are links all the same'
[ -z "$(find "$cache/models--org--m/blobs" -type f)" ] || fail 'each file is there twice'
"$python" - "$path" <<'PY' || fail 'huggingface_hub does not read real files of ours'
import os, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
assert os.path.realpath(snapshot_download("org/m", local_files_only=True)) == os.path.realpath(sys.argv[1])
path = hf_hub_download("org/m", "model.safetensors")
assert os.path.getsize(path) == 5000000 and not os.path.islink(path), path
info = scan_cache_dir()
assert not info.warnings and info.size_on_disk > 5000000, info
PY
inode=$(stat -c %i "$path/model.safetensors")
rm -rf "$cache/models--org--m/.assay"
[ "$("$assay" hub pull org/m)" = "$path" ] && [ "$(stat -c %i "$path/model.safetensors")" = "$inode" ] || fail 'it is fetched again'
"$assay" hub verify org/m >/dev/null || fail 'real files do not verify'
"$assay" hub ls --json | "$python" -c 'import json, sys; assert json.load(sys.stdin)["bytes"] > 5000000' || fail 'they take no room'
printf X | dd of="$path/model.safetensors" bs=1 seek=4000000 conv=notrunc 2>/dev/null
code 10 "$assay" hub verify org/m
rm -rf "$cache/models--org--m/.assay"
"$assay" hub pull org/m >/dev/null
"$assay" hub verify org/m >/dev/null || fail 'a damaged real file is not fetched again'
rm -rf "$HF_HOME"
"$python" -c 'from huggingface_hub import snapshot_download; print(snapshot_download("org/m"))' >"$tmp/theirs" 2>"$tmp/python.log"
path=$(cat "$tmp/theirs")
inode=$(stat -c %i "$path/model.safetensors")
[ "$("$assay" hub pull org/m)" = "$path" ] && [ "$(stat -c %i "$path/model.safetensors")" = "$inode" ] || fail 'theirs is fetched again'
unset HF_HUB_DISABLE_SYMLINKS
[ "$("$assay" hub pull org/m)" = "$path" ] && [ "$(stat -c %i "$path/model.safetensors")" = "$inode" ] || fail 'with links it is fetched again'
"$assay" hub verify org/m >/dev/null || fail 'theirs does not verify'
"$assay" hub rm org/m >/dev/null
[ ! -e "$path" ] || fail 'real files are not removed'
fault_held 50_caches_without_links_are_shared_too
