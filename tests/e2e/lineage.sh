#!/bin/sh
# Where weights come from: copies under other names and in other files, models that share tensors, near copies.
. "$(dirname "$0")/lib.sh"
"$MAKE_TINY" "$tmp/hub" 2
library
cat >"$tmp/tasks/one.lua" <<'LUA'
return suite { name = "one", version = 1, title = "One", tasks = { "E2EChoice" }, mean = "task" }
LUA
many=$tmp/hub/models/many

# made NAME PROGRAM: the first model's tensors, changed by a line of Python, which has name -> array of floats in `t`, and
# those of the second model in `u`.
made() {
    cp -R "$many/m001" "$many/$1"
    python3 - "$many/m001/model.safetensors" "$many/m002/model.safetensors" "$many/$1/model.safetensors" "$2" <<'PY'
import array, json, struct, sys
def read(path):
    b = open(path, 'rb').read()
    n, = struct.unpack('<Q', b[:8])
    h = json.loads(b[8:8 + n])
    h.pop('__metadata__', None)
    return h, {k: array.array('f', b[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]]) for k, v in h.items()}
h, t = read(sys.argv[1])
_, u = read(sys.argv[2])
assert all(v['dtype'] == 'F32' for v in h.values()), h
exec(sys.argv[4])
head, body = {}, b''
for k, v in t.items(): # in another order than before, and with a word about it
    head[k] = {'dtype': 'F32', 'shape': h[k]['shape'], 'data_offsets': [len(body), len(body) + 4 * len(v)]}
    body += v.tobytes()
head['__metadata__'] = {'format': 'pt', 'by': 'somebody else'}
text = json.dumps(head).encode()
open(sys.argv[3], 'wb').write(struct.pack('<Q', len(text)) + text + body)
PY
}
made copy 't = dict(reversed(t.items()))'
made near 't = {k: array.array("f", [x * (1 + 1e-4 * (i % 3 - 1)) for i, x in enumerate(v)]) for k, v in t.items()}'
made tuned 't = {k: array.array("f", [x + 0.2 * y for x, y in zip(v, u[k])]) for k, v in t.items()}'
made moved 'a = sorted(k for k in t if h[k]["shape"] == h[[x for x in t if len(h[x]["shape"]) == 2 and h[x]["shape"][0] == h[x]["shape"][1]][0]]["shape"])[:2]
t[a[0]], t[a[1]] = t[a[1]], t[a[0]]'
made merged 't = {k: u[k] if i % 2 else v for i, (k, v) in enumerate(t.items())}'
printf -- '---\nbase_model: [many/m001, big/base]\n---\nNear.\n' >"$many/near/README.md"
hub
"$ASSAY" db init >/dev/null
sql 'UPDATE settings SET retry_backoff_s = 0, crash_backoff_s = 0'

code 'the first' 0 "$ASSAY" submit many/m001 -s one
code 'is evaluated' 0 "$ASSAY" worker --drain --threads 1
code 'the others are taken: their files differ' 0 "$ASSAY" submit many/copy many/near many/tuned many/merged many/moved many/m002 -s one
code 'and run' 0 "$ASSAY" worker --drain --threads 1
equal 'but the copy is not evaluated' 'many/copy|unsupported|its tensors are those of many/m001, which has results: equal where they were sampled, 100 % of all values' \
    "$(sql "SELECT m.name, j.error_class, j.error FROM jobs j JOIN revisions USING (revision_id) JOIN models m USING (model_id) WHERE j.state = 'dead'")"
equal 'it is linked' 'many/copy|many/m001' "$(sql 'SELECT model, of_model FROM copies')"
"$ASSAY" model show many/m001 --lineage --json >"$tmp/out"
py 'what is related, and how' 'd = json.load(open(sys.argv[1]))
r = {x["model"].split("/")[1]: x for x in d["related"]}
assert {k: v["relation"] for k, v in r.items()} == {"copy": "equal tensors", "near": "near copy", "tuned": "tuned or merged", "merged": "shares tensors", "moved": "equal tensors, elsewhere"}, r
assert r["copy"]["ours"] == r["copy"]["theirs"] == 1 and 0.2 < r["merged"]["ours"] < 0.8 and r["tuned"]["correlation"] < 0.9995, r
assert [c["model"] for c in d["copies"]] == ["many/copy"], d
assert d["read"][0]["share"] == 1 and d["merge"] == [] and d["bases"] == [], d' "$tmp/out"
for pair in merged:tensors tuned:weights; do
    "$ASSAY" model show "many/${pair%:*}" --lineage --json >"$tmp/out"
    py "a merge of ${pair#*:}" 'm = json.load(open(sys.argv[1]))["merge"]
assert [x["how"] for x in m] == [sys.argv[2]] and sorted(m[0]["parents"])[:2] == ["many/m001", "many/m002"], m' "$tmp/out" "${pair#*:}"
done
has_lineage() { "$ASSAY" model show "$1" --lineage >"$tmp/out"; has "$2" "$3" "$tmp/out"; }
has_lineage many/merged 'in words' 'a merge, it seems: its tensors are those of many/m00'
has_lineage many/near 'what its card says' 'made from many/m001, says its card: its weights bear that out'
has_lineage many/near 'and what it does not know' 'made from big/base, says its card: which was not looked at here'
has_lineage many/near 'how it was come by' 'All this is by every value of its'
"$ASSAY" model show many/near --lineage >"$tmp/out"
has 'for people' 'near copy' "$tmp/out"
"$ASSAY" queue approve many/copy --reason 'its author asked for it' >/dev/null
"$ASSAY" queue retry "$(sql "SELECT job_id FROM jobs WHERE state = 'dead'")" >/dev/null
code 'an approved copy' 0 "$ASSAY" worker --drain --threads 1
equal 'is evaluated after all' '7' "$(sql "SELECT count(*) FROM jobs WHERE state = 'done'")"
finish
