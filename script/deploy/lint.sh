#!/bin/sh
# The examples of this folder against what knows their languages. Exit code 77 where nothing does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
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
