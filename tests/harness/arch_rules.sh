#!/bin/sh
# What holds of architectures, whichever come: descriptions are short (the median of harness/arch under 60 lines, helpers that
# several share counted once, where they stand), and the forward pass knows none of them by name. Names are those of the files
# and of the model types that they describe; where they are looked for, comments don't count, and C that reads configurations
# is left out. Begins by showing that it finds what it is for.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
limit=60
readers='arch.c spec.c describe.c modules.c' # of harness/model: what descriptions and files say, checked or handed on
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# median_of FILE...: lines of the one in the middle (of the upper of two).
median_of() {
    wc -l "$@" | grep -v ' total$' | awk '{ print $1 }' | sort -n | awk '{ n[NR] = $1 } END { print n[int(NR / 2) + 1] }'
}

# names_of DIR: one a line, without the numbers of versions ("qwen2", "qwen3": "qwen"), but for "t5". "new" is a type, too: words that any code has are left out.
names_of() {
    for file in "$1"/*.lua; do
        basename "$file" .lua
        sed -n 's/^ *types = {\(.*\)},* *$/\1/p' "$file" | grep -o '"[^"]*"' | tr -d '"'
    done | tr 'A-Z' 'a-z' | tr -s '_-' '\n' | sed 's/[0-9.]*$//; s/^t$/t5/' | grep -E '^..' |
        grep -vxE 'new|moe|style|text|small|seed|xlm|model|open|dense|experts|generation|gguf|decoder|decoders|next|encoders|embeddings' | sort -u
}

# words_of FILE: of its code and its strings, alike cut short.
words_of() {
    sed 's/^[ \t]*#[ \t]*include.*//' "$1" | "${CC:-cc}" -x c -fpreprocessed -dD -E -P - 2>/dev/null | tr 'A-Z' 'a-z' |
        tr -cs 'a-z0-9' '\n' | sed '/^t5$/!s/[0-9]*$//' | sort -u
}

# named_in NAMES FILE...: the files that say one of the names, with it.
named_in() {
    list=$1
    shift
    for file in "$@"; do
        case " $readers " in *" $(basename "$file") "*) continue ;; esac
        words_of "$file" | grep -xF -f "$list" | sed "s|^|${file#"$top"/} says |" || true
    done
}

fail() {
    echo "$*" >&2
    exit 1
}

# ---- it can fail ----

seq 61 >"$scratch/a.lua"
seq 61 >"$scratch/b.lua"
seq 10 >"$scratch/c.lua"
[ "$(median_of "$scratch"/?.lua)" = 61 ] || fail 'the median of 10, 61 and 61 lines is not 61'
names_of "$top/harness/arch" >"$scratch/names"
for name in llama qwen t5 deberta persimmon mamba; do
    grep -qx "$name" "$scratch/names" || fail "'$name' is not among the names"
done
printf '%s\n' '/* as Falcon does it */' 'int a(const char *s) { return strcmp(s, "qwen2_moe"); } // BLOOM' 'enum { ROPE_LLAMA3 };' >"$scratch/planted.c"
[ "$(named_in "$scratch/names" "$scratch/planted.c" | sed 's/.* //' | tr '\n' ' ')" = 'llama qwen ' ] ||
    fail 'names planted in code are not found, or some in comments are'

# ---- what holds ----

lines=$(median_of "$top"/harness/arch/*.lua "$top"/harness/arch/lib/*.lua)
[ "$lines" -lt "$limit" ] || fail "the median of harness/arch is $lines lines: at most $((limit - 1)) are meant"
set -- "$top"/harness/backend.h "$top"/harness/cpu/*.[ch] "$top"/harness/cuda/* "$top"/harness/model/*.[ch]
[ $# -gt 60 ] || fail "only $# files of the forward pass are there"
found=$(named_in "$scratch/names" "$@")
[ -z "$found" ] || fail "$found"
echo "$(ls "$top"/harness/arch/*.lua | wc -l) descriptions, the median $lines lines; no name of $(wc -l <"$scratch/names") in $# files"
