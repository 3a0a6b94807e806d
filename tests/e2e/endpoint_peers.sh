#!/bin/sh
# lm-evaluation-harness (local-completions) and mteb (through /v1/embeddings), pointed at models that are served: the same scores as
# `assay eval` on two choice tasks, a generation task and two embedding tasks, and the same answers. What is needed is named where it is
# missing: ASSAY_PEERS (a Python environment), ASSAY_SHARED (data), ASSAY_BENCH_HOME (models).
. "$(dirname "$0")/lib.sh"
python=${ASSAY_PEERS:-$HOME/.cache/assay-peers}/bin/python
hub=${ASSAY_SHARED:-$top/../shared}/hub
home=${ASSAY_BENCH_HOME:-$HOME/.cache/assay-bench}/models
skip() { echo "$name: skipped: $*"; exit 77; }
[ -x "$python" ] || skip "there is no $python (python3 -m venv, pip install 'lm_eval[hf,api]==0.4.13' mteb==2.26.24)"
"$python" -c 'import lm_eval, mteb, aiohttp, tenacity, transformers' 2>/dev/null || skip "$python lacks lm_eval[api] or mteb"
for data in allenai/ai2_arc baber/piqa openai/gsm8k mteb/stsbenchmark-sts mteb/sts13-sts; do
    [ -d "$hub/datasets/$data" ] || skip "there is no data set $data in $hub"
done
for model in smollm2-f32 minilm; do
    [ -f "$home/$model/config.json" ] || skip "there is no model $model in $home (script/bench generate --setup)"
done
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_DATASETS_CACHE="$tmp/datasets" TOKENIZERS_PARALLELISM=false OPENAI_API_KEY=none
export LIMITS='{"arc_easy": 30, "piqa": 30, "gsm8k": 2, "mteb": 100}'
unset LD_PRELOAD
limit() { python3 -c "import json, os; print(json.loads(os.environ['LIMITS'])['$1'])"; }
ours() {
    task=$1 key=$2 model=$3
    shift 3
    code "assay eval, $task" 0 "$ASSAY" eval "$home/$model" -t "$task" --hub "$hub" --limit "$(limit "$key")" --dtype f32 --no-db --samples \
        --out "$tmp/ours" "$@"
}

ours arc_easy arc_easy smollm2-f32 --shots 0
ours piqa piqa smollm2-f32 --shots 0
ours gsm8k gsm8k smollm2-f32 --shots 5
ours STSBenchmark mteb minilm
ours STS13 mteb minilm
serve models --dtype f32 --model "$home/smollm2-f32" --model "$home/minilm"
for peer in harness mteb; do
    "$python" "$e2e/endpoint_peers.py" "$hub" "$tmp/ours" "$home/smollm2-f32" "$U/v1" $peer >"$tmp/out" 2>"$tmp/$peer.log" || fail "$peer"
    cat "$tmp/out"
    ok "$peer has the scores of assay eval"
done
stop 'a service that was measured'
finish
