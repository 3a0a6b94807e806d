#!/bin/sh
# What a person sees first: version, help of every command, the doctor, usage errors.
. "$(dirname "$0")/lib.sh"

code 'version' 0 "$ASSAY" version
has 'version names the program' assay "$tmp/out"
code 'help' 0 "$ASSAY" help
cp "$tmp/out" "$tmp/help"
# Every command that the overview lists has help of its own, with its name in it.
sed -n 's/^  \([a-z][a-z -]*[a-z]\)   *[a-z].*/\1/p' "$tmp/help" | sort -u >"$tmp/commands"
[ "$(wc -l <"$tmp/commands")" -ge 20 ] || fail "help lists only $(wc -l <"$tmp/commands") commands"
while read -r command; do
    # shellcheck disable=SC2086
    "$ASSAY" help $command >"$tmp/one" 2>&1 </dev/null || fail "help $command"
    grep -qF "assay $command" "$tmp/one" || fail "help $command does not name it"
    # shellcheck disable=SC2086
    "$ASSAY" $command --help </dev/null | cmp -s - "$tmp/one" || fail "'$command --help' differs from 'help $command'"
done <"$tmp/commands"
ok "help of $(wc -l <"$tmp/commands") commands"

code 'exit codes explained' 0 "$ASSAY" help exit-codes
has 'with code 75' 75 "$tmp/out"
code 'no such topic' 2 "$ASSAY" help nonsense
code 'no command: the overview' 0 "$ASSAY"
code 'unknown command' 2 "$ASSAY" evla
has 'a suggestion' "'assay eval'" "$tmp/err"
code 'unknown option' 2 "$ASSAY" eval --limt 3 ./x
code 'an option without its value' 2 "$ASSAY" eval ./x --limit
code 'an operand too few' 2 "$ASSAY" embed

library
code 'tasks' 0 "$ASSAY" task ls
has 'lists ours' E2EChoice "$tmp/out"
code 'suites' 0 "$ASSAY" suite ls
has 'lists ours' e2e "$tmp/out"
code 'a number that is none' 2 "$ASSAY" eval ./x -t E2EChoice --no-db --limit many
code 'lint' 0 "$ASSAY" task lint "$tmp/tasks/E2EChoice.lua"
code 'render' 0 "$ASSAY" task render E2EChoice

code 'doctor without a schema' 1 "$ASSAY" doctor
has 'says what is wrong' FAIL "$tmp/out"
code 'db init' 0 "$ASSAY" db init
code 'doctor' 0 "$ASSAY" doctor
code 'db status' 0 "$ASSAY" db status
code 'an empty queue' 8 "$ASSAY" worker --once
finish
