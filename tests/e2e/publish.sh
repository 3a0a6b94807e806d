#!/bin/sh
# Results as files, the site without its database, and the ways out: a folder, a branch, a Space, rsync.
. "$(dirname "$0")/lib.sh"
models
library
hub

code 'db init' 0 "$ASSAY" db init
code 'submit' 0 "$ASSAY" submit -s e2e tiny/encoder tiny/decoder
code 'worker' 0 "$ASSAY" worker --drain --threads 2

equal 'one run is withdrawn' t "$(sql "SELECT supersede_run(max(run_id), 'its data had a fault') FROM runs JOIN tasks t USING (task_id) WHERE t.name = 'E2EPairs'")"

# Plain files, and the same pages from them.
code 'an export needs a place' 2 "$ASSAY" result export
code 'result export' 0 "$ASSAY" result export --to "$tmp/results"
has 'says how many' '3 runs in 7 files, 7 changed, 0 removed' "$tmp/out"
code 'once more' 0 "$ASSAY" result export --to "$tmp/results" --json
py 'changes nothing' "
doc = json.load(open(sys.argv[1]))
assert doc['schema'] == 'assay.export/1' and (doc['runs'], doc['changed'], doc['removed']) == (3, 0, 0), doc" "$tmp/out"
run=$(ls "$tmp"/results/runs/tiny__encoder/E2ELookup/*.json)
py 'a run is one document' "
doc = json.load(open(sys.argv[1]))
assert doc['schema'] == 'assay.result/1' and doc['run']['model'] == 'tiny/encoder' and doc['run']['record'] and doc['samples'], doc" "$run"
code 'site build from the database' 0 "$ASSAY" site build -o "$tmp/site" --base-url https://bench.example
code 'db down' 0 "$ASSAY" db down
export ASSAY_DATABASE_URL=postgresql://nobody@127.0.0.1:1/none
code 'without a database there is no site' 4 "$ASSAY" site build -o "$tmp/none"
code 'but from files' 0 "$ASSAY" site build -o "$tmp/from" --from "$tmp/results" --base-url https://bench.example
code 'which is sound' 0 "$ASSAY" site check "$tmp/from"
equal 'its pages are the same but for the queue' \
    "Files $tmp/site/api/v1/queue.json and $tmp/from/api/v1/queue.json differ Files $tmp/site/queue/index.html and $tmp/from/queue/index.html differ" \
    "$(diff -rq "$tmp/site" "$tmp/from" | sort | paste -sd' ')"
has 'what was withdrawn is in the open' 'its data had a fault' "$tmp/from/changelog/index.html"
has 'whose page says so' 'built from result files' "$tmp/from/queue/index.html"
code 'no results, no site' 3 "$ASSAY" site build -o "$tmp/none" --from "$tmp/tasks"
cp -R "$tmp/results" "$tmp/damaged"
echo '{}' >"$tmp/damaged/lists.json"
code 'a damaged file is refused' 7 "$ASSAY" site build -o "$tmp/none" --from "$tmp/damaged"
has 'and named' lists.json "$tmp/err"

# A look of one's own.
cat >"$tmp/site.lua" <<'LUA'
return { title = "Lovelace bench", colours = { light = { accent = "#5b2a86" } }, links = { { text = "Imprint", url = "https://example.org/" } } }
LUA
code 'with a configuration' 0 "$ASSAY" site build -o "$tmp/own" --from "$tmp/results" --config "$tmp/site.lua"
has 'the title is on the pages' 'Lovelace bench' "$tmp/own/index.html"
sed -i 's/5b2a86/ffee00/' "$tmp/site.lua"
code 'colours that cannot be read' 7 "$ASSAY" site build -o "$tmp/own" --from "$tmp/results" --config "$tmp/site.lua"
has 'are refused with their contrast' 'less than 4.5:1' "$tmp/err"
echo 'return { colour = {} }' >"$tmp/site.lua"
code 'a key that is not there' 7 "$ASSAY" site build -o "$tmp/own" --from "$tmp/results" --config "$tmp/site.lua"
has 'brings the nearest' "the nearest that it has is 'colours'" "$tmp/err"

publish() { what=$1 expected=$2; shift 2; code "$what" "$expected" "$ASSAY" site publish "$tmp/site" "$@"; }
n=$(find "$tmp/site" -type f ! -name '.assay-site' | wc -l)

# A folder.
publish 'no place' 2
publish 'a dry run' 0 --to "$tmp/www" --dry-run
has 'lists what is new' 'new     index.html' "$tmp/out"
has 'and counts it' "would be $n new, 0 changed, 0 gone, 0 the same" "$tmp/out"
[ ! -e "$tmp/www" ] || fail 'a dry run made the folder'
ok 'and does nothing'
publish 'into a folder' 0 --to "$tmp/www"
equal 'which then is the site' '' "$(diff -rq -x .assay-site "$tmp/site" "$tmp/www")"
echo old >"$tmp/www/gone.html"
echo old >"$tmp/www/robots.txt"
publish 'what would change' 0 --to "$tmp/www" --dry-run --json
py 'is listed' "
doc = json.load(open(sys.argv[1]))
assert (doc['new'], doc['changed'], doc['gone']) == ([], ['robots.txt'], ['gone.html']) and doc['same'] == $n - 1 and doc['dry_run'], doc" "$tmp/out"
publish 'once more' 0 --to "$tmp/www"
equal 'what is gone has gone' '' "$(diff -rq -x .assay-site "$tmp/site" "$tmp/www")"
mkdir "$tmp/thesis"
echo mine >"$tmp/thesis/thesis.txt"
publish 'a folder with something else' 7 --to "$tmp/thesis"
[ "$(cat "$tmp/thesis/thesis.txt")" = mine ] || fail 'somebody else'\''s file was touched'
ok 'is left alone'
publish 'a folder within the site' 2 --to "$tmp/site/s"
publish 'one that would be' 2 --to "$tmp/site/new/www"
publish 'a folder around the site' 2 --to "$tmp"
code 'no site, nothing to publish' 3 "$ASSAY" site publish "$tmp/results" --to "$tmp/www2"

# What has something to mend stays where it is.
cp -R "$tmp/site" "$tmp/broken"
sed -i 's|</main>|<a href="nowhere/">x</a></main>|' "$tmp/broken/index.html"
code 'a broken site' 10 "$ASSAY" site publish "$tmp/broken" --to "$tmp/www2"
has 'is told what is wrong' 'index.html: a link to nowhere' "$tmp/err"
[ ! -e "$tmp/www2" ] || fail 'a broken site went out'
ok 'and stays'

# A Space.
mkdir -p "$tmp/space/.git"
echo x >"$tmp/space/.git/config"
publish 'a Space' 0 --to "space:$tmp/space" --title 'Our "bench"'
equal 'has front matter' '--- title: "Our \"bench\"" sdk: static app_file: index.html' "$(head -n 4 "$tmp/space/README.md" | paste -sd' ')"
equal 'and the site' "Only in $tmp/space: README.md" "$(diff -rq -x .assay-site -x .git "$tmp/site" "$tmp/space")"
printf -- '---\nsdk: static\n---\nours\n' >"$tmp/space/README.md"
publish 'a Space once more' 0 --to "space:$tmp/space"
has 'keeps the README that people wrote' ours "$tmp/space/README.md"
[ -s "$tmp/space/.git/config" ] || fail 'the clone was damaged'
ok 'and its clone'

# A branch.
export GIT_AUTHOR_NAME=e2e GIT_AUTHOR_EMAIL=e2e@example.org GIT_COMMITTER_NAME=e2e GIT_COMMITTER_EMAIL=e2e@example.org HOME="$tmp"
if command -v git >/dev/null; then
    repo=$tmp/repo
    git init -q -b main "$repo"
    printf '* -text eol=crlf\n' >"$repo/.gitattributes"
    echo work >"$repo/work.txt"
    git -C "$repo" add -A
    git -C "$repo" commit -qm work
    echo undone >>"$repo/work.txt"
    objects=$(find "$repo/.git/objects" -type f | wc -l)
    publish 'a branch, dry' 0 --to "git:$repo#gh-pages" --dry-run
    has 'lists what is new there' 'new     s/e2e/index.html' "$tmp/out"
    equal 'leaves no object' "$objects" "$(find "$repo/.git/objects" -type f | wc -l)"
    publish 'a branch' 0 --to "git:$repo#gh-pages"
    equal 'has one commit' 1 "$(git -C "$repo" rev-list --count gh-pages)"
    git -C "$repo" archive gh-pages | (mkdir "$tmp/pages" && tar -x -C "$tmp/pages")
    equal 'of the site to the byte' "Only in $tmp/pages: .nojekyll" "$(diff -rq "$tmp/site" "$tmp/pages")"
    equal 'the working tree is as it was' ' M work.txt' "$(git -C "$repo" status --porcelain)"
    publish 'nothing new' 0 --to "git:$repo#gh-pages"
    equal 'makes no commit' 1 "$(git -C "$repo" rev-list --count gh-pages)"
    echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >"$tmp/site/more.svg"
    publish 'a file more' 0 --to "git:$repo#gh-pages"
    has 'is counted' '1 new, 0 changed, 0 gone' "$tmp/out"
    equal 'makes one' 2 "$(git -C "$repo" rev-list --count gh-pages)"
    echo packed >"$tmp/site/s/e2e/index.html.gz"
    publish 'what is compressed' 0 --to "git:$repo#gh-pages" --dry-run
    has 'is left to the host of a branch' 'would be 0 new, 0 changed, 0 gone' "$tmp/out"
    publish 'and to that of a Space' 0 --to "space:$tmp/space" --dry-run
    has 'which gets the rest' 'would be 1 new, 0 changed, 0 gone' "$tmp/out"
    publish 'a folder' 0 --to "$tmp/www" --dry-run
    has 'gets it all' 'would be 2 new, 0 changed, 0 gone' "$tmp/out"
    rm "$tmp/site/s/e2e/index.html.gz"
    publish 'the branch that is checked out' 2 --to "git:$repo#main"
    git -C "$repo" branch other
    publish 'a branch of other files' 7 --to "git:$repo#other"
    publish 'no name for a branch' 2 --to "git:$repo#a..b"
    publish 'no repository' 3 --to "git:$tmp/nowhere#x"
fi

# rsync, where it is: through a remote shell that is none.
if command -v rsync >/dev/null; then
    printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >"$tmp/rsh"
    chmod +x "$tmp/rsh"
    export RSYNC_RSH="$tmp/rsh"
    publish 'rsync, dry' 0 --to "host:$tmp/far" --dry-run
    [ ! -e "$tmp/far" ] || fail 'a dry run of rsync wrote'
    has 'lists what is new there' 'new     s/e2e/index.html' "$tmp/out"
    publish 'rsync' 0 --to "host:$tmp/far"
    equal 'brings the site' '' "$(diff -rq "$tmp/site" "$tmp/far")"
    rm "$tmp/site/more.svg"
    echo old >"$tmp/far/robots.txt"
    publish 'rsync once more' 0 --to "host:$tmp/far" --json
    py 'takes away what is gone' "
doc = json.load(open(sys.argv[1]))
assert (doc['new'], doc['changed'], doc['gone']) == ([], ['robots.txt'], ['more.svg']) and doc['same'] > 10, doc" "$tmp/out"
    publish 'rsync to something else' 7 --to "host:$tmp/thesis"
    [ "$(cat "$tmp/thesis/thesis.txt")" = mine ] || fail 'rsync took somebody else'\''s file'
    printf '#!/bin/sh\nexit 255\n' >"$tmp/rsh"
    publish 'a host that is away' 4 --to "host:$tmp/far"
fi
finish
