#!/bin/sh
# A build of the harness alone, as on a machine that has a compiler, Lua, jansson and PCRE2 and nothing else: no pkg-config, and
# every library that can be done without is left out. It links none of them, its program works, and what is missing is said.
set -eu
: "${CMAKE:?names cmake}" "${CTEST:?names ctest}"
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d /tmp/assay-alone-XXXXXX)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "builds: FAILED: $*" >&2
    exit 1
}

# absent_names: symbol and words of each command that a build of the harness alone knows by name only.
absent_names() { sed -n 's/^ABSENT(\(cmd_[a-z_]*\), \("[a-z ]*"\));$/\1 \2/p' "$top/evaluator/alone/absent.c"; }
absent_names | while read -r symbol words; do
    cat "$top"/evaluator/cli/cmd_*.c | grep -A1 "^const struct command $symbol = {" | grep -qF ".name = $words," ||
        fail "$symbol is not called $words in evaluator/cli"
done
[ "$(absent_names | wc -l)" -gt 30 ] || fail 'the names of absent commands are not found any more'

configure() {
    into=$1
    shift
    "$CMAKE" -S "$top" -B "$into" -G Ninja -DASSAY_ONLY=harness -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON -DASSAY_OPTIONAL=OFF \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O0 "$@" >"$tmp/configured" 2>&1
}

configure "$tmp/none" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF && fail 'a machine without jansson was good enough'
tr -s ' \n' ' ' <"$tmp/configured" | grep -q 'jansson is not here, which this build needs: install libjansson-dev, or say where it was unpacked by -DCMAKE_PREFIX_PATH=' || {
    cat "$tmp/configured" >&2
    fail 'what is missing is not said'
}
hidden=$(echo "$PATH:${CUDA_HOME:-/usr/local/cuda}/bin:/usr/local/cuda/bin" | tr ':' '\n' | while read -r d; do [ ! -x "$d/nvcc" ] || echo "$d"; done | paste -sd ';' -)
configure "$tmp/no_nvcc" -DASSAY_CUDA=ON "-DCMAKE_IGNORE_PATH=$hidden" || fail 'without nvcc it was not configured'
grep -q 'CUDA is off: there is no nvcc' "$tmp/configured" || fail 'that there is no nvcc is not said'
configure "$tmp/build" || {
    cat "$tmp/configured" >&2
    fail 'it was not configured'
}
grep -q 'built without libcrypto' "$tmp/configured" || fail 'what is left out is not said'
"$CMAKE" --build "$tmp/build" --target assay make_tiny test_harness_gpu_there test_harness_gpu_describe test_harness_tree test_base_hash_plain >"$tmp/built" 2>&1 || {
    tail -n 30 "$tmp/built" >&2
    fail 'it was not built'
}
ldd "$tmp/build/assay" >"$tmp/linked"
grep -E 'libpq|libcurl|dnnl|gomp|libcrypto|utf8proc|microhttpd|seccomp|cuda|nvidia' "$tmp/linked" && fail 'it links what it can do without'
"$CTEST" --test-dir "$tmp/build" -R '^(alone.program|harness.gpu_there|harness.gpu_describe|harness.tree|base.hash_plain)' --output-on-failure >"$tmp/tested" 2>&1 || {
    cat "$tmp/tested" >&2
    fail 'its tests'
}
grep -q 'No tests were found' "$tmp/tested" && fail 'it has no tests'
if ! ASSAY_REQUIRE_GPU=1 "$CTEST" --test-dir "$tmp/build" -R '^harness.gpu_there' >"$tmp/required" 2>&1; then
    grep -q 'Failed' "$tmp/required" || fail 'a GPU that is required and not there'
elif grep -q 'Skipped' "$tmp/required"; then
    fail 'a GPU that is required and not there is no failure'
fi
echo "a build of the harness alone is whole"
