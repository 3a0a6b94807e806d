#!/bin/sh
# script/bench cpu's figures, with a kit of the tests' own in the place of the peer kit: what is written, under which
# name, what is said to be left out.
. "$(dirname "$0")/lib.sh"
for program in python3 gnuplot; do
    command -v $program >/dev/null || { echo "skipped: no $program here"; exit 77; }
done
cd "$top"
mkdir -p "$tmp/shared/bench" "$tmp/peers/venv/bin"
export ASSAY_SHARED="$tmp/shared" ASSAY_BENCH_HOME="$tmp/peers"

what='processors have names that say what they are'
name_of() { printf "$1" >"$tmp/cpuinfo" && python3 script/bench_host.py "$tmp/cpuinfo"; }
equal "$what" zen4 "$(name_of 'vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n')"
equal "$what" zen3 "$(name_of 'vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 33\nmodel name\t: AMD Ryzen 9 5950X 16-Core Processor\n')"
equal "$what" sapphire-rapids "$(name_of 'vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz\n')"
equal "$what" intel-core-i7-4770 "$(name_of 'vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 60\nmodel name\t: Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz\n')"
equal "$what" neoverse-v2 "$(name_of 'processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n')"

measure() { python3 script/bench_cpu.py "$ASSAY" "$tmp" --runs 2 --threads 1 "$@"; }

code 'no kit' 0 measure --only w7 --out "$tmp/none"
has 'is said' 'the peer kit is not here' "$tmp/out"

cat >"$tmp/shared/bench/run.py" <<'P'
import argparse, json
parser = argparse.ArgumentParser()
for name in ("assay", "work", "peers", "dtype", "threads", "rounds", "json"):
    parser.add_argument("--" + name)
parser.add_argument("--gates", action="store_true")
given = parser.parse_args()
print("asked of the kit:", given.work, given.peers, given.dtype, given.threads, given.rounds)
ahead = {"default": {"median": 4.0, "low": 3.5, "high": 4.5}}
rows = [{"work": "w7", "who": "assay", "dtype": "default", "seconds": [1, 1], "ahead": {}, "failure": None},
        {"work": "w7", "who": "ort", "dtype": "f32", "seconds": [4, 4], "ahead": ahead, "failure": None},
        {"work": "w7", "who": "st", "dtype": "f32", "ahead": {}, "failure": "no file /home/somebody/models/x here"}]
json.dump({"rows": rows, "gates": [], "rounds": 2}, open(given.json, "w"))
P
code 'a kit without its peers' 0 measure --only w7 --out "$tmp/none"
has 'is said' 'no peers are set up here' "$tmp/out"

# A Python that says it has onnxruntime and tokenizers and nothing else.
cat >"$tmp/peers/venv/bin/python" <<'S'
#!/bin/sh
shift 2
for module; do case $module in onnxruntime | tokenizers) ;; *) echo "$module" ;; esac; done
S
chmod +x "$tmp/peers/venv/bin/python"
code 'a kit with two peers' 0 measure --only w6,w7 --out "$tmp/figures"
has 'those are asked for' 'asked of the kit: w6,w7 ort,tokenizers f32,bf16 1 2' "$tmp/out"
has 'a peer that is not installed is left out' 'st on w7: sentence_transformers, torch not installed' "$tmp/out"
has 'so is what the run did not come to' 'all on w6: the run was interrupted' "$tmp/out"
has 'and what was not asked for' 'all on w1: not asked for' "$tmp/out"

what='figures under the name of the processor'
file=$tmp/figures/cpu-$(python3 script/bench_host.py)-1-threads
py "$what" 'd = json.load(open(sys.argv[1] + ".json"))
assert d["schema"] == "assay.bench-cpu/1" and d["threads"] == 1 and d["rounds"] == 2 and d["commit"], d
assert [r["who"] for r in d["peers"]["rows"]] == ["assay", "ort", "st"]
whys = {(i["who"], w): i["why"] for i in d["left_out"] for w in i["works"]}
assert whys["st f32", "w7"] == "no file x here", whys
assert ("llama.cpp", "w1") in whys and ("all", "neighbours") in whys
picture = open(sys.argv[1] + ".svg").read()
assert "start to first vector" in picture and "ONNX Runtime" in picture and "times as fast" in picture and picture.rstrip().endswith("</svg>")' "$file"
grep -q -e "$(uname -n)" -e "$tmp" -e /home/ "$file.json" && fail 'names of this machine are in the figures'
ok 'nothing of this machine in them'

code 'some works alone are printed and not written' 0 measure --only w7
equal 'results/bench is left alone' '' "$(git -C "$top" status --porcelain results/bench 2>/dev/null)"
code 'no such work' 2 measure --only w9
finish
