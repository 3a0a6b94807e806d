# Shared by the scripts here: where the checkout is, running as root, saying what goes on and how long it took.
# Sourced, with `set -eu` in force.

top=$(cd "$(dirname "$0")/.." && pwd)
started=$(date +%s)
phase_started=$started

say() { printf '\n== %s\n' "$*" >&2; }

# phase TEXT: names the next phase; the time of each is kept for the table that phases_end prints.
phases=''
phase_name=''
phase() {
    phase_close
    phase_name=$1
    phase_started=$(date +%s)
    say "$1"
}
phase_close() {
    [ -n "$phase_name" ] || return 0
    phases="$phases$(printf '  %-44s %4d s' "$phase_name" $(($(date +%s) - phase_started)))
"
    phase_name=''
}
phases_end() {
    phase_close
    printf '\n%s  %-44s %4d s\n' "$phases" 'altogether' $(($(date +%s) - started)) >&2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
