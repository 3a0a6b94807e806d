#!/bin/sh
# Conversations: a model's template makes text of them, and generation takes them; a line whose conversation the template
# refuses has its error in its place. And a model with an adapter has the numbers of the merged one, bit for bit.
. "$(dirname "$0")/lib.sh"
models
dec=$tmp/hub/models/tiny/decoder
plain=$tmp/plain
cp -r "$dec" "$plain"

code 'a model without a template says so' 3 "$ASSAY" template "$plain" </dev/null
has 'and what to do' 'FILE.jinja' "$tmp/err"
cat >"$dec/chat_template.jinja" <<'J'
{% for m in messages %}
{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('no ' ~ m.role ~ ' here') }}{% endif %}
{{- m.content }}
{%- endfor %}
{{- 'e' if add_generation_prompt }}{{ strftime_now('%Y') if year }}
J
cat >"$tmp/in" <<'J'
{"id": "a", "messages": [{"role": "user", "content": "abc"}, {"role": "assistant", "content": "d"}]}
{"id": "b", "messages": [{"role": "system", "content": "abc"}]}
{"id": "c", "messages": "abc"}
{"id": "d", "messages": [{"role": "user", "content": "ab"}], "add_generation_prompt": true, "year": 1}
J
SOURCE_DATE_EPOCH=0
export SOURCE_DATE_EPOCH
code 'template: lines that cannot be used fail the command' 1 "$ASSAY" template "$dec" <"$tmp/in"
what='template: texts and errors in their places'
py "$what" 'a, b, c, d = lines(sys.argv[1])
assert a == {"id": "a", "text": "abcd"}, a
assert "no system here" in b["error"] and "text" not in b and "line 2" in b["error"], b
assert c["id"] == "c" and "messages" in c["error"], c
assert d["text"] == "abe1970", d' "$tmp/out"

echo '{"id": 1, "text": "abce"}' | "$ASSAY" tokenize --no-special "$dec" >"$tmp/ids"
py 'the ids of the text' 'ids = lines(sys.argv[1])[0]["ids"]
open(sys.argv[2], "w").writelines(json.dumps(x) + "\n" for x in (
    {"id": 1, "messages": [{"role": "user", "content": "abc"}]}, {"id": 2, "prompt_ids": ids},
    {"id": 3, "messages": [{"role": "system", "content": "x"}]}))' "$tmp/ids" "$tmp/in"
what='generate: a conversation is the text of its template with a prompt to answer'
code "$what" 1 "$ASSAY" generate "$dec" --max-tokens 5 <"$tmp/in"
py "$what" 'a, b, c = lines(sys.argv[1])
assert a["ids"] == b["ids"] and len(a["ids"]) > 0 and a["text"] == b["text"], (a, b)
assert "no system here" in c["error"], c' "$tmp/out"

what='model show names the template'
code "$what" 0 "$ASSAY" model show "$dec" --json
py "$what" 'import hashlib
t = json.load(open(sys.argv[1]))["chat_templates"]
text = open(sys.argv[2], "rb").read()
assert t == [{"name": "default", "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}], t' "$tmp/out" "$dec/chat_template.jinja"

what='model show takes a description, and says what the card says of the licence'
printf -- '---\nlicense: mit\n---\n' >"$tmp/README.md.card"
mkdir -p "$tmp/shown"
cp -r "$dec"/. "$tmp/shown"/
cp "$tmp/README.md.card" "$tmp/shown/README.md"
code "$what" 0 "$ASSAY" model show "$tmp/shown" --json
py "$what" 'd = json.load(open(sys.argv[1]))
assert d["licence"] == "mit" and d["memory"]["f32"]["weight_bytes"] == 4 * d["parameters"], d' "$tmp/out"
printf 'return { name = "mine", types = {}, config = function() return { unsupported = "all of it" } end }\n' >"$tmp/mine.lua"
code "$what" 6 "$ASSAY" model show "$tmp/shown" --arch "$tmp/mine.lua"

# ---- adapters ----

what='an adapter of rank 1, its base, and the two merged'
py "$what" 'import array, os, shutil, struct
plain, adapted, merged = sys.argv[1:]
shutil.copytree(plain, adapted + "/base_model")
shutil.copytree(plain, merged)
raw = open(plain + "/model.safetensors", "rb").read()
n = int.from_bytes(raw[:8], "little")
head, data = json.loads(raw[8:8 + n]), bytearray(raw[8 + n:])
name = next(k for k in head if k.endswith("layers.0.self_attn.q_proj.weight"))
assert head[name]["dtype"] == "F32", head[name]
rows, cols = head[name]["shape"]
at = head[name]["data_offsets"][0]
round32 = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
a, b = [round32(0.01 * (i % 7 - 3)) for i in range(cols)], [round32(0.5 * (i % 5 - 2)) for i in range(rows)]
for r in range(rows):
    for c in range(cols):
        where = at + 4 * (r * cols + c)
        w = struct.unpack_from("<f", data, where)[0]
        struct.pack_into("<f", data, where, w + round32(round32(b[r] * a[c]) * 2))
open(merged + "/model.safetensors", "wb").write(raw[:8 + n] + data)
json.dump({"peft_type": "LORA", "r": 1, "lora_alpha": 2, "base_model_name_or_path": "tiny/decoder"}, open(adapted + "/adapter_config.json", "w"))
module = "base_model.model." + name[:-len(".weight")]
head = json.dumps({module + ".lora_A.weight": {"dtype": "F32", "shape": [1, cols], "data_offsets": [0, 4 * cols]},
                   module + ".lora_B.weight": {"dtype": "F32", "shape": [rows, 1], "data_offsets": [4 * cols, 4 * (cols + rows)]}}).encode()
open(adapted + "/adapter_model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + struct.pack(f"<{cols + rows}f", *a, *b))' "$plain" "$tmp/adapted" "$tmp/merged"
echo '{"id": 1, "context": "ab", "choices": ["cd", "efg"]}' >"$tmp/in"
for model in plain adapted merged; do
    code "score: $model" 0 "$ASSAY" score "$tmp/$model" --dtype f32 <"$tmp/in"
    mv "$tmp/out" "$tmp/$model.out"
done
cmp "$tmp/adapted.out" "$tmp/merged.out" || fail 'the adapter has other bits than the merged model'
ok 'the adapter has the bits of the merged model'
! cmp -s "$tmp/adapted.out" "$tmp/plain.out" || fail 'the adapter changes nothing'
ok 'and not those of its base'
code 'model show says what the adapter is for' 0 "$ASSAY" model show "$tmp/adapted" --json
py 'base and rank' 'a = json.load(open(sys.argv[1]))["adapter"]; assert a == {"base": "tiny/decoder", "rank": 1.0, "alpha": 2.0}, a' "$tmp/out"
library
for model in adapted merged; do
    code "eval: $model" 0 "$ASSAY" eval "$tmp/$model" -t E2EChoice --no-db --json
    mv "$tmp/out" "$tmp/$model.out"
done
what='an adapter is evaluated as the merged model, under a hash of its own'
py "$what" 'a, b = (result(p) for p in sys.argv[1:])
assert a["metrics"] == b["metrics"] and a["n"] == b["n"] and a["revision"] != b["revision"], (a, b)' "$tmp/adapted.out" "$tmp/merged.out"
echo >>"$tmp/adapted/base_model/config.json"
code 'eval: the base is written anew' 0 "$ASSAY" eval "$tmp/adapted" -t E2EChoice --no-db --json
py 'the hash covers the base' 'a, b = (result(p) for p in sys.argv[1:])
assert a["metrics"] == b["metrics"] and a["revision"] != b["revision"], (a, b)' "$tmp/adapted.out" "$tmp/out"
mv "$tmp/adapted/base_model" "$tmp/elsewhere"
mkdir "$tmp/hub/models/tiny/adapter"
cp "$tmp/adapted"/adapter_* "$tmp/hub/models/tiny/adapter"
code 'an adapter alone is refused' 6 "$ASSAY" score "$tmp/adapted" <"$tmp/in"
has 'by name' base_model "$tmp/err"

what='an adapter of a hub is evaluated on its base there, whose commit the result has'
hub
export HF_HOME="$tmp/hf"
code 'eval: an adapter of a hub' 0 "$ASSAY" eval tiny/adapter -t E2EChoice --no-db --json
py "$what" 'a, b = (result(p) for p in sys.argv[1:])
assert a["metrics"] == b["metrics"] and len(a["base_revision"]) == 40, (a, b)' "$tmp/out" "$tmp/merged.out"
finish
