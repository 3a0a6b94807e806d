#!/bin/sh
# Bad models and bad tasks: each is refused with its exit code and a message that names the file, never by a signal and
# never as wrong usage. And through the queue: the job ends with its class, and the worker goes on to the next.
. "$(dirname "$0")/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
tiny=$tmp/hub/models/tiny
dec=$tiny/decoder

# refused WHAT CODE TEXT COMMAND...: that exit code, and one error that holds the text.
refused() {
    what=$1 expected=$2 text=$3
    shift 3
    code "$what" "$expected" "$@" </dev/null
    grep -q -e '^assay: error: ' -e '"schema": "assay.error/1"' "$tmp/err" || { cat "$tmp/err" >&2; fail "$what: no error line"; }
    grep -qF -- "$text" "$tmp/err" || { cat "$tmp/err" >&2; fail "$what: the message does not name '$text'"; }
}

# ---- models ----

# variant NAME: a copy of the decoder as tiny/NAME, in $dir.
variant() { dir=$tiny/$1; cp -R "$dec" "$dir"; }

refused 'a model that is not there' 3 no/model "$ASSAY" score no/model
refused 'a folder that is not there' 3 "$tmp/none" "$ASSAY" score "$tmp/none"
refused 'an unknown task' 3 E2EChoise "$ASSAY" eval tiny/decoder -t E2EChoise --no-db
has 'with a suggestion' "'E2EChoice'" "$tmp/err"
refused 'an unknown suite' 3 e2f "$ASSAY" submit tiny/decoder -s e2f

size=$(stat -c %s "$dec/model.safetensors")
for cut in 0 7 8 100 $((size / 2)) $((size - 1)); do
    variant "cut-$cut"
    head -c "$cut" "$dec/model.safetensors" >"$dir/model.safetensors"
    refused "weights cut at $cut bytes" 7 model.safetensors "$ASSAY" score "$dir"
done
variant header
printf '\377\377\377\377\377\377\377\177{}' >"$dir/model.safetensors"
refused 'a header of 2^63 bytes' 7 model.safetensors "$ASSAY" score "$dir"

variant tokenizer
echo 'not { json' >"$dir/tokenizer.json"
printf '{"id": 1, "context": "a", "choices": ["b"]}\n' >"$tmp/in"
code 'a tokenizer that is not JSON' 7 "$ASSAY" tokenize "$dir" <"$tmp/in"
has 'named' tokenizer.json "$tmp/err"
refused 'also when evaluating' 7 tokenizer.json "$ASSAY" eval tiny/tokenizer -t E2EChoice --no-db

# absurd CONFIG-EDIT: not wrong usage, not a signal, and config.json or a tensor is named.
n=0
while read -r key value; do
    n=$((n + 1))
    variant "absurd-$n"
    python3 - "$dir/config.json" "$key" "$value" <<'PY'
import json, sys
path, key, value = sys.argv[1:]
config = json.load(open(path))
config[key] = json.loads(value)
json.dump(config, open(path, "w"))
PY
    got=0
    "$ASSAY" score "$dir" <"$tmp/in" >"$tmp/out" 2>"$tmp/err" || got=$?
    case $got in
    6 | 7) ok "config.json with $key = $value: exit code $got" ;;
    *) cat "$tmp/out" "$tmp/err" >&2; fail "config.json with $key = $value: exit code $got" ;;
    esac
    grep -qF "absurd-$n" "$tmp/err" || { cat "$tmp/err" >&2; fail "config.json with $key = $value: the model is not named"; }
done <<'CASES'
hidden_size 0
hidden_size -1
hidden_size 1e300
hidden_size 4294967297
hidden_size "wide"
num_hidden_layers 1000000000
num_hidden_layers 3
num_attention_heads 0
num_attention_heads 7
num_key_value_heads 3
head_dim 7
head_dim 1000000000000
vocab_size 2147483647
intermediate_size 41
max_position_embeddings 0
rope_theta 0
model_type "no_such_model"
model_type [1]
CASES
variant list
echo '[]' >"$dir/config.json"
refused 'config.json that is a list' 7 config.json "$ASSAY" score "$dir"
variant directory
rm "$dir/model.safetensors"
mkdir "$dir/model.safetensors"
refused 'a directory in place of the weights' 3 "$dir" "$ASSAY" score "$dir"
mkdir "$tmp/x.gguf" "$tmp/x.lua"
refused 'a directory in place of a GGUF' 3 x.gguf "$ASSAY" score "$tmp/x.gguf"
refused 'a directory in place of a task' 3 x.lua "$ASSAY" eval tiny/decoder -t "$tmp/x.lua" --no-db

# A GGUF of our own: one tensor, a few keys; then cut at every length that matters.
python3 - "$tmp/whole.gguf" <<'PY'
import struct, sys
def text(s): return struct.pack("<Q", len(s)) + s.encode()
keys = {"general.architecture": "llama", "general.name": "x"}
head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys)) + b"".join(text(k) + struct.pack("<I", 8) + text(v) for k, v in keys.items())
head += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 4, 0, 0)
head += b"\0" * (-len(head) % 32)
open(sys.argv[1], "wb").write(head + b"\0" * 512)
PY
code 'the whole GGUF can be read' 0 "$ASSAY" model tensors "$tmp/whole.gguf" --json
size=$(stat -c %s "$tmp/whole.gguf")
for cut in 0 3 4 8 20 30 60 100 $((size - 512)) $((size - 1)); do
    head -c "$cut" "$tmp/whole.gguf" >"$tmp/cut.gguf"
    refused "a GGUF cut at $cut of $size bytes" 7 cut.gguf "$ASSAY" model tensors "$tmp/cut.gguf" --json
done

# ---- tasks ----

task() { cat >"$tmp/tasks/$1.lua"; }
choice() { # choice NAME BODY-OF-DOC
    printf 'return choice { name = "%s", version = 1, data = file "data/choice.jsonl" {},\n  doc = function(row)\n%s\n    return { query = row.q, choices = row.options, gold = row.answer }\n  end, main = "acc" }\n' "$1" "$2" >"$tmp/tasks/$1.lua"
}
: | task Empty
task Number <<'LUA'
return 7
LUA
task Syntax <<'LUA'
return choice { name = "Syntax", version = }
LUA
task Forever <<'LUA'
while true do end
LUA
choice DocForever '    while true do end'
choice GsubForever '    gsub("a", "a", function() while true do end end)'
choice MoveForever '    table.move({}, 1, math.maxinteger - 1, 2)'
choice GcForever '    setmetatable({}, { __gc = function() while true do end end })'
choice Bomb '    local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1 << 20) .. i end'
choice Missing '    do return nil end'
choice Raises '    error("no such thing")'
for bad in Empty Number Syntax Forever DocForever GsubForever MoveForever GcForever Bomb Missing Raises; do
    refused "task $bad" 6 "$bad" "$ASSAY" eval tiny/decoder -t "$tmp/tasks/$bad.lua" --no-db
done
# ---- through the queue ----

code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0, retry_backoff_s = 0, task_models_max = 100'
n=0
for bad in DocForever Bomb Missing Raises; do
    printf 'return suite { name = "bad_%s", version = 1, tasks = { "%s" }, mean = "task" }\n' "$bad" "$bad" >"$tmp/tasks/bad_$bad.lua"
    code "submit $bad" 0 "$ASSAY" submit -s "bad_$bad" tiny/decoder
    n=$((n + 1))
done
for bad in cut-100 tokenizer; do
    code "submit tiny/$bad" 0 "$ASSAY" submit -s e2e "tiny/$bad"
    n=$((n + 1))
done
code 'and a good one, last' 0 "$ASSAY" submit -s e2e tiny/decoder --priority 9
code 'the worker survives them all' 0 "$ASSAY" worker --drain --threads 1
equal 'bad tasks are of class task, bad files of class input' 'dead|input|2 dead|task|4 done||1' \
    "$(sql 'SELECT state, error_class, count(*) FROM jobs GROUP BY 1, 2 ORDER BY state::text, 2' | paste -sd' ')"
equal 'none was tried twice' 1 "$(sql 'SELECT max(attempt) FROM jobs')"
equal 'each with its reason' "$n" "$(sql "SELECT count(*) FROM jobs WHERE state = 'dead' AND error <> ''")"
code 'queue ls --state dead' 0 "$ASSAY" queue ls --state dead
has 'shows the class' task "$tmp/out"
code 'a model whose header is damaged is refused or dies of it' 0 sh -c '"$0" submit -s e2e tiny/header || [ $? = 7 ]' "$ASSAY"
code 'a model of no known kind is refused' 6 "$ASSAY" submit -s e2e tiny/directory
equal 'no invariant violated' '' "$(violations)"
finish
