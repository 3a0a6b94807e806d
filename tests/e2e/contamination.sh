#!/bin/sh
# Documents of a task in a corpus: found by words in a row, whatever the format, case and line ends; memory does not grow
# with the corpus.
. "$(dirname "$0")/lib.sh"
library
cd "$tmp"
python3 - <<'PY'
import csv, gzip, json, random
rng = random.Random(3)
words = ["w%d" % i for i in range(3000)]
text = lambda n: " ".join(rng.choice(words) for _ in range(n))
questions = [text(20) for _ in range(30)] + ["too short for any"]
with open("questions.csv", "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["question", "A", "B", "answer"])
    for q in questions:
        out.writerow([q, "one " + q[:3], "two", "A"])
def wrapped(t):
    w = t.split(" ")
    return "\n".join(" ".join(w[i:i + 5]) for i in range(0, len(w), 5))
# question 3 whole, wrapped and loud; of 7 twelve words, of 9 thirteen
with open("a.txt", "w") as f:
    f.write(text(400) + "\n" + wrapped(questions[3]).upper() + "!\n" + " ".join(questions[7].split(" ")[:12]) + " other " + text(50))
with gzip.open("b.jsonl.gz", "wt") as f:
    for i in range(50):
        f.write(json.dumps({"id": text(20), "text": text(60)}) + "\n")
    f.write(json.dumps({"id": questions[5], "text": text(9) + ", (" + " ".join(questions[9].split(" ")[4:17]) + ") " + text(9)}) + "\n")
import os
os.mkdir("corpus")
os.mkdir("corpus/more")
with open("corpus/more/c.csv", "w", newline="") as f:
    csv.writer(f).writerows([["text"], [text(30)], [questions[11] + " one " + questions[11][:3]]])
os.rename("a.txt", "corpus/a.txt")
with open("corpus/notes.pdf", "w") as f:
    f.write(questions[12])
PY
code 'a task of these questions' 0 "$ASSAY" task new asked --from questions.csv

code 'text' 0 "$ASSAY" contamination corpus/a.txt -t ./asked.lua --out found.jsonl
has 'counts' 'asked	31	1	1	3.33 %' "$tmp/out"
has 'the document, the place' 'asked, document 3: "' "$tmp/out"
py 'a line a document' 'lines = [json.loads(l) for l in open("found.jsonl")]
assert [l["document"] for l in lines] == list(range(31)) and [l["document"] for l in lines if l["contaminated"]] == [3], lines
assert lines[3]["file"] == "corpus/a.txt" and lines[3]["row"] == 4 and lines[30]["ngrams"] == 0, lines[3]' "$tmp/out"
code 'JSON lines, packed' 0 "$ASSAY" contamination b.jsonl.gz -t ./asked.lua --json
py 'all texts of a row' 'doc = json.load(open(sys.argv[1]))
assert [(d["document"], d["row"]) for d in doc["found"]] == [(5, 51), (9, 51)], doc["found"]
assert doc["found"][1]["found"] == 1 and len(doc["found"][1]["ngram"].split()) == 13 and doc["tasks"][0]["too_short"] == 1' "$tmp/out"
code 'one column' 0 "$ASSAY" contamination b.jsonl.gz -t ./asked.lua --json --column text
py 'and no other' 'assert [d["document"] for d in json.load(open(sys.argv[1]))["found"]] == [9]' "$tmp/out"
code 'a folder' 0 "$ASSAY" contamination corpus b.jsonl.gz -t ./asked.lua --json
py 'of all that can be read' 'doc = json.load(open(sys.argv[1]))
assert [d["document"] for d in doc["found"]] == [3, 5, 9, 11], doc["found"]
assert [(c["file"], c["rows"]) for c in doc["corpus"]] == [("corpus/a.txt", 6), ("corpus/more/c.csv", 2), ("b.jsonl.gz", 51)], doc["corpus"]
assert doc["tasks"][0]["contaminated"] == 4 and abs(doc["tasks"][0]["share"] - 4 / 30) < 1e-12' "$tmp/out"
code 'fewer words' 0 "$ASSAY" contamination corpus/a.txt -t ./asked.lua --ngram 12 --json
py 'find more' 'assert [d["document"] for d in json.load(open(sys.argv[1]))["found"]] == [3, 7]' "$tmp/out"

code 'no such column' 7 "$ASSAY" contamination b.jsonl.gz -t ./asked.lua --column body
has 'is said' "no row of the corpus has a column 'body'" "$tmp/err"
code 'no such file' 3 "$ASSAY" contamination nothing.txt -t ./asked.lua
code 'one word is too few' 2 "$ASSAY" contamination b.jsonl.gz -t ./asked.lua --ngram 1
code 'no task' 2 "$ASSAY" contamination b.jsonl.gz
echo '{"text": "cut' >bad.jsonl
code 'a broken file' 7 "$ASSAY" contamination bad.jsonl -t ./asked.lua
has 'names its line' "bad.jsonl" "$tmp/err"

# Kept, and shown.
code 'into the database' 0 "$ASSAY" contamination corpus -t ./asked.lua --store 'our <corpus>'
kept() { sql 'SELECT t.name, corpus, n, documents, too_short, contaminated FROM corpus_overlaps JOIN tasks t USING (task_id) ORDER BY overlap_id'; }
equal 'counts' 'asked|our <corpus>|13|31|1|2' "$(kept)"
code 'the same again' 0 "$ASSAY" contamination corpus -t ./asked.lua --store 'our <corpus>' --json
py 'says as what' 'doc = json.load(open(sys.argv[1]))
assert doc["stored_as"] == "our <corpus>" and len(doc["corpus_sha256"]) == 64' "$tmp/out"
equal 'is the same row' 'asked|our <corpus>|13|31|1|2' "$(kept)"
echo 'more' >>corpus/a.txt
code 'another state of it' 0 "$ASSAY" contamination corpus -t ./asked.lua --store 'our <corpus>'
equal 'is another row' 2 "$(sql 'SELECT count(*) FROM corpus_overlaps')"
equal 'the newest is shown' 1 "$(sql 'SELECT count(*) FROM site_overlaps')"
code 'a site' 0 "$ASSAY" site build -o public
has 'whose task page has it' '<bdi>our &lt;corpus&gt;</bdi>' public/t/asked/index.html
has 'with its share of those that can be told' '6.7 %' public/t/asked/index.html
code 'not of a part' 2 "$ASSAY" contamination corpus -t ./asked.lua --limit 3 --store x

# Fifty times the corpus, the same memory: what a program of the test's own frees is given back at once.
python3 - "$ASSAY" <<'PY' || fail 'memory grows with the corpus'
import json, os, random, subprocess, sys
rng = random.Random(5)
line = json.dumps({"text": " ".join("v%d" % rng.randrange(5000) for _ in range(2000))}) + "\n"
def peak(times):
    with open("big.jsonl", "w") as f:
        for _ in range(times):
            f.write(line)
    pid = subprocess.Popen([sys.argv[1], "contamination", "big.jsonl", "-t", "./asked.lua", "--json"], stdout=subprocess.DEVNULL,
                           env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1"})
    _, status, usage = os.wait4(pid.pid, 0)
    assert status == 0
    return usage.ru_maxrss
small, large = peak(40), peak(2000)
print("peak of 0.5 MB: %d kB, of 24 MB: %d kB" % (small, large))
assert large < small + 6000
PY
ok 'memory does not grow with the corpus'
finish
