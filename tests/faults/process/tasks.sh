# Tasks that only these tests have; sourced behind e2e/lib.sh.

# Many documents, so that there is time to be killed in: prompts of letters that the tiny tokenizers know.
many_documents() {
    awk 'BEGIN {
        srand(5)
        for (i = 0; i < 1500; i++) {
            q = ""
            for (k = 0; k < 6 + int(rand() * 10); k++) {
                w = ""
                for (c = 0; c < 1 + int(rand() * 6); c++) w = w substr("abcdefghijklmnop", 1 + int(rand() * 16), 1)
                q = q (k ? " " : "") w
            }
            printf "{\"q\": \"%s\", \"options\": [\"abc\", \"defgh\", \"no\"], \"answer\": %d}\n", q, int(rand() * 3)
        }
    }' >"$tmp/tasks/data/many.jsonl"
    cat >"$tmp/tasks/E2EMany.lua" <<'L'
return choice {
  name = "E2EMany", version = 1, data = file "data/many.jsonl" {},
  doc = function(row) return { query = row.q, choices = row.options, gold = row.answer } end,
  main = "acc", report = { "acc", "acc_norm" }, licence = "CC0-1.0",
}
L
    suite E2EManySuite '"E2EMany"'
}

# suite NAME TASKS
suite() {
    printf 'return suite { name = "%s", version = 1, tasks = { %s }, mean = "task", licence = "CC0-1.0" }\n' "$1" "$2" >"$tmp/tasks/$1.lua"
}

# few_documents N...: choice tasks E2EFew<N> over the same rows, and E2EFewSuite of all of them.
few_documents() {
    named=''
    for n; do
        sed "s/\"E2EChoice\"/\"E2EFew$n\"/" "$e2e/tasks/E2EChoice.lua" >"$tmp/tasks/E2EFew$n.lua"
        named="$named\"E2EFew$n\", "
    done
    suite E2EFewSuite "$named"
}
