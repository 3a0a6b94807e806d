#!/bin/sh
# The whole road on the CUDA backend, whose kernels run on the processor here (tests/harness/shim): the same answers as
# from the CPU backend in f32, near ones in bf16, and the same bits whether prefixes are shared or not.
. "$(dirname "$0")/lib.sh"
: "${ASSAY_CUDA_MODULE:?names the module}"
export ASSAY_CUDA_MODULE
models
export HF_ENDPOINT="$tmp/hub"
enc=tiny/encoder dec=tiny/decoder

cat >"$tmp/texts" <<'J'
{"id": 1, "text": "abc"}
{"id": 2, "text": "d e"}
{"id": 3, "text": "a longer text of many words that goes past thirty two tokens for sure and is cut"}
{"id": 4, "text": ""}
{"id": 5, "ids": [2, 5, 6, 3]}
J
cat >"$tmp/questions" <<'J'
{"id": 1, "context": "abcd", "choices": ["cd", "e"]}
{"id": 2, "context": "abce", "choices": ["a", "bcdef"]}
{"id": 3, "context_ids": [1, 2], "choices_ids": [[3, 4], [5]]}
{"id": 4, "rolling": "abcdefghij"}
J

# answers NAME ARGUMENT...: what the program prints, in $tmp/NAME; its --stats in $tmp/NAME.stats.
answers() {
    to=$1
    shift
    code "$to" 0 "$ASSAY" "$@" --stats "$tmp/$to.stats"
    cp "$tmp/out" "$tmp/$to"
}
answers embed.cpu embed $enc --device cpu --dtype f32 <"$tmp/texts"
export ASSAY_SHIM_SEED=3 # threads shuffled, blocks from the last to the first, streams that don't wait
answers embed.f32 embed $enc --device cuda --dtype f32 <"$tmp/texts"
answers embed.bf16 embed $enc --device cuda --dtype bf16 <"$tmp/texts"
answers score.cpu score $dec --device cpu --dtype f32 <"$tmp/questions"
answers score.f32 score $dec --device cuda --dtype f32 <"$tmp/questions"
answers score.bf16 score $dec --device cuda:0 --dtype bf16 <"$tmp/questions"
export ASSAY_SHIM_SEED=0
answers score.apart score $dec --device cuda --dtype f32 --no-prefix-sharing <"$tmp/questions"

what='the backend is CUDA'
py "$what" 's = [json.load(open(p)) for p in sys.argv[1:]]
assert all(x["device"].startswith("cuda") and x["backend"].startswith("cuda/sm_90") for x in s), s' \
    "$tmp/embed.f32.stats" "$tmp/score.bf16.stats"

what='vectors agree with those of the CPU'
py "$what" 'want, f32, bf16 = ([x["embedding"] for x in lines(p)] for p in sys.argv[1:])
assert len(want) == len(f32) == len(bf16) == 5
for w, f, b in zip(want, f32, bf16):
    assert max(abs(x - y) for x, y in zip(w, f)) < 2e-5, (w, f)
    assert sum(x * y for x, y in zip(w, b)) > 0.999, (w, b)
assert bf16 != f32' "$tmp/embed.cpu" "$tmp/embed.f32" "$tmp/embed.bf16"

what='scores agree with those of the CPU'
py "$what" 'want, f32, bf16 = (lines(p) for p in sys.argv[1:])
flat = lambda answers: [v for a in answers for v in a["loglikelihood"]]
assert [a["greedy"] for a in want] == [a["greedy"] for a in f32]
assert len(flat(want)) == len(flat(f32)) == len(flat(bf16)) == 7
for w, f, b in zip(flat(want), flat(f32), flat(bf16)):
    assert abs(w - f) < 1e-4 * (1 + abs(w)), (w, f)
    assert abs(w - b) < 3e-2 * (1 + abs(w)), (w, b)
assert flat(bf16) != flat(f32)' "$tmp/score.cpu" "$tmp/score.f32" "$tmp/score.bf16"

what='neither sharing nor the order of threads changes a bit'
cmp "$tmp/score.f32" "$tmp/score.apart" || fail "$what"
ok "$what"
py 'and something was shared' 'shared, apart = (json.load(open(p))["tokens_computed"] for p in sys.argv[1:])
assert shared < apart, (shared, apart)' "$tmp/score.f32.stats" "$tmp/score.apart.stats"

# The second step of a shape is written down, the third of one record made into a graph, the next ones replayed.
printf '%s\n' '{"id": 1, "prompt": "abc"}' >"$tmp/prompts"
answers text.cpu generate $dec --device cpu --dtype f32 --max-tokens 24 <"$tmp/prompts"
answers text.graphs generate $dec --device cuda --dtype f32 --max-tokens 24 <"$tmp/prompts"
export ASSAY_SHIM_DEVICES=2 ASSAY_NCCL=
answers text.two generate $dec --device cuda --tensor-parallel 2 --dtype f32 --max-tokens 24 <"$tmp/prompts"
unset ASSAY_SHIM_DEVICES ASSAY_NCCL
what='texts are those of the CPU, by graphs and on two devices'
cmp "$tmp/text.cpu" "$tmp/text.graphs" || fail "$what"
cmp "$tmp/text.cpu" "$tmp/text.two" || fail "$what"
ok "$what"
py '--stats tells steps that were replayed, and how devices add up' 's = [json.load(open(p)) for p in sys.argv[1:]]
assert [x["graphs"] > 0 and x["steps_replayed"] > x["graphs"] for x in s] == [False, True, False], s
assert [x.get("sums_by") for x in s] == [None, None, "copies"], s
assert [x["tensor_parallel"] for x in s] == [1, 1, 2], s' \
    "$tmp/text.cpu.stats" "$tmp/text.graphs.stats" "$tmp/text.two.stats"
finish
