#!/bin/sh
# Which models are taken: policy files, what people decide beside them, and what becomes of a model that is withdrawn.
. "$(dirname "$0")/lib.sh"
models
library
hub

twin() { # twin NAME OF: the same files under another name
    mkdir -p "$tmp/hub/models/$(dirname "$1")"
    cp -R "$tmp/hub/models/$2" "$tmp/hub/models/$1"
    printf -- '---\nlicense: apache-2.0\n---\nMine.\n' >"$tmp/hub/models/$1/README.md"
}
twin copied/decoder tiny/decoder
twin odd/decoder tiny/decoder
printf -- '---\ntags: [some]\n---\nNo licence.\n' >"$tmp/hub/models/odd/decoder/README.md"
"$ASSAY" db init >/dev/null

# ---- what a policy says ----
code 'the default takes what can be run' 0 "$ASSAY" queue policy check tiny/decoder --json
py 'facts are told' 'a = json.load(open(sys.argv[1]))
f = a["facts"]
assert (a["answer"], f["id"], f["org"], f["licence"], f["kind"]) == ("accept", "tiny/decoder", "tiny", "apache-2.0", "hub"), a
assert f["params"] > 0 and f["abilities"] == ["score"] and len(f["revision"]) == 40, f' "$tmp/out"
code 'without a licence a person is asked' 10 "$ASSAY" queue policy check odd/decoder --policy public --json
py 'with the reason' 'a = json.load(open(sys.argv[1])); assert (a["answer"], a["code"]) == ("hold", "no-licence"), a' "$tmp/out"
cp "$tmp/out" "$tmp/facts.json"
code 'facts from a file' 10 env ASSAY_DATABASE_URL=nowhere "$ASSAY" queue policy check --file "$tmp/facts.json" --policy public
has 'in words' 'odd/decoder: hold (no-licence): its card names no licence' "$tmp/out"

printf 'return function(m) return m.params > 10 and refuse("too-large", "ten will do") or accept() end\n' >"$tmp/small.lua"
code 'a file of ones own' 10 "$ASSAY" queue policy check tiny/decoder --policy "$tmp/small.lua"
has 'says why' 'refuse (too-large): ten will do' "$tmp/out"
printf 'return function(m) while true do end end\n' >"$tmp/loop.lua"
code 'a policy that never ends accepts nothing' 6 "$ASSAY" submit tiny/decoder -s e2e --policy "$tmp/loop.lua"
printf 'return function(m) return true end\n' >"$tmp/true.lua"
code 'nor one that answers anything else' 6 "$ASSAY" submit tiny/decoder -s e2e --policy "$tmp/true.lua"
printf 'os.execute("true") return function(m) return accept() end\n' >"$tmp/os.lua"
code 'it is shut in' 6 "$ASSAY" submit tiny/decoder -s e2e --policy "$tmp/os.lua"
code 'a policy that is not there' 3 "$ASSAY" submit tiny/decoder -s e2e --policy nowhere
equal 'nothing was queued by all that' 0 "$(sql 'SELECT count(*) FROM submissions')"

# ---- submission asks it ----
code 'a refusal' 6 "$ASSAY" submit tiny/decoder -s e2e --policy "$tmp/small.lua"
has 'with code and reason' "'tiny/decoder' is refused (too-large): ten will do" "$tmp/err"
code 'held' 8 "$ASSAY" submit odd/decoder -s e2e --policy public --as ann
code 'held again is held once' 8 env ASSAY_POLICY=public "$ASSAY" submit odd/decoder -s e2e --as ann
equal 'one row waits' '1|odd/decoder|ann|no-licence' "$(sql 'SELECT held_id, model, submitter, code FROM moderation_queue')"
"$ASSAY" queue held >"$tmp/out"
has 'it is listed' 'odd/decoder' "$tmp/out"
equal 'and not in the queue' 0 "$(sql 'SELECT count(*) FROM jobs')"

code 'a decision needs a reason' 2 "$ASSAY" queue approve odd/decoder
code 'approved' 0 "$ASSAY" queue approve odd/decoder --reason 'the author sent it' --as eve
equal 'it was handed in as it was' 'ann|1' "$(sql "SELECT submitter, count(*) FILTER (WHERE n > 0) FROM submissions s,
    LATERAL (SELECT count(*) AS n FROM submission_jobs j WHERE j.submission_id = s.submission_id) x GROUP BY 1")"
code 'from now on it is taken' 0 "$ASSAY" submit odd/decoder -s e2e --policy public --as bob

# ---- bans ----
code 'banned' 0 "$ASSAY" queue ban 'odd/*' --reason 'spam' --as eve
code 'an approval of its own goes before' 0 "$ASSAY" submit odd/decoder -s e2e --as cat
code 'banned by name' 0 "$ASSAY" queue ban odd/decoder --reason 'spam, really' --as eve
code 'is not taken' 6 "$ASSAY" submit odd/decoder -s e2e --as dan
has 'and told' "is refused (banned): spam, really" "$tmp/err"
equal 'its jobs are cancelled' 'cancelled' "$(sql 'SELECT DISTINCT state FROM jobs')"
if sql "SET ROLE assay_submitter; SELECT submit(request) FROM (SELECT request FROM held_submissions) x" >/dev/null 2>&1; then
    fail 'a submitter read what is held'
fi
if sql "SELECT submit(request) FROM held_submissions" >"$tmp/out" 2>&1; then
    fail 'a banned model went past policy'
fi
has 'nor past policy' 'model "odd/decoder" is banned: spam, really' "$tmp/out"
code 'unbanned' 0 "$ASSAY" queue unban odd/decoder --reason 'a mistake' --as eve
code 'the organisation still is' 6 "$ASSAY" submit odd/decoder -s e2e
code 'unbanned, too' 0 "$ASSAY" queue unban 'odd/*' --reason 'a mistake' --as eve
code 'not twice' 3 "$ASSAY" queue unban 'odd/*' --reason 'a mistake' --as eve

# ---- copies ----
code 'the original' 0 "$ASSAY" submit tiny/decoder -s e2e
code 'is evaluated' 0 "$ASSAY" worker --drain
code 'its copy is not' 6 "$ASSAY" submit copied/decoder -s e2e
has 'but linked' 'is refused (duplicate): its files are those of tiny/decoder' "$tmp/err"
equal 'for good' 'copied/decoder|tiny/decoder' "$(sql 'SELECT model, of_model FROM copies')"

# ---- withdrawn ----
"$ASSAY" site build -o "$tmp/site" >/dev/null
[ -e "$tmp/site/m/tiny/decoder/index.html" ] || fail 'no page of the model'
runs=$(sql 'SELECT count(*) FROM runs')
code 'taken down' 0 "$ASSAY" queue takedown tiny/decoder --reason 'asked for by <its author>' --as eve --json
py 'all that was measured stays' 'a = json.load(open(sys.argv[1]))["subjects"][0]; assert a["results"] == int(sys.argv[2]) > 0, a' "$tmp/out" "$runs"
"$ASSAY" site build -o "$tmp/site" >/dev/null
has 'a stone with the reason' 'asked for by &lt;its author&gt;' "$tmp/site/m/tiny/decoder/index.html"
[ ! -e "$tmp/site/m/tiny/decoder/r" ] || fail 'runs of a withdrawn model are published'
grep -rl 'tiny/decoder' "$tmp/site" | sed "s|$tmp/site/||" | sort >"$tmp/named"
equal 'nothing else names it' 'api/v1/changelog.json api/v1/m.json api/v1/m/tiny/decoder.json changelog/index.html m/index.html m/tiny/decoder/index.html' "$(tr '\n' ' ' <"$tmp/named" | sed 's/ $//')"
code 'every link is answered' 0 "$ASSAY" site check "$tmp/site"
equal 'results are where they were' "$runs" "$(sql 'SELECT count(*) FROM runs')"
code 'it comes back' 0 "$ASSAY" queue unban tiny/decoder --reason 'they agreed' --as eve
"$ASSAY" site build -o "$tmp/site" >/dev/null
[ -e "$tmp/site/m/tiny/decoder/r" ] || fail 'runs stay away'
ok 'with all of its runs'

# ---- the record of decisions ----
"$ASSAY" queue audit --json >"$tmp/out"
py 'each decision is there' 'd = json.load(open(sys.argv[1]))["decisions"]
assert [x["action"] for x in d] == ["unban", "takedown", "unban", "unban", "ban", "ban", "approve"], d
assert all(x["actor"] == "eve" and x["reason"] for x in d)' "$tmp/out"
for change in "UPDATE audit SET reason = 'x'" 'DELETE FROM audit' 'TRUNCATE audit'; do
    if sql "$change" >/dev/null 2>&1; then
        fail "the record was changed: $change"
    fi
done
ok 'and stays'
for role in assay_worker assay_submitter assay_site; do
    if sql "SET ROLE $role; SELECT moderate('ban', 'a/b', 'x', 'y')" >/dev/null 2>&1; then
        fail "$role decides"
    fi
done
ok 'decisions are for operators'
sql "SET ROLE assay_ops; SELECT moderate('ban', 'a/b', 'x', 'y')" >/dev/null
ok 'who have no need of the tables'
finish
