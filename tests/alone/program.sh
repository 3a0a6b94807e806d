#!/bin/sh
# The program of a build of the harness alone: its pipelines on models in folders and mirror trees, the doctor without anything and
# with GPUs, and what it says of commands that it hasn't got.
. "$(dirname "$0")/../e2e/lib.sh"
: "${FAKES:?names the folder with the tests' own driver}"
models
enc=$tmp/hub/models/tiny/encoder dec=$tmp/hub/models/tiny/decoder

code 'help' 0 "$ASSAY" help
has 'lists what is here' '  embed ' "$tmp/out"
has 'and says that not all is' 'This build is the harness alone' "$tmp/out"
grep -qE '^  (eval|worker|db init|compare) ' "$tmp/out" && fail 'the help lists commands that are not here'
ok 'and nothing else'

for words in 'eval ./m -t piqa --no-db' 'worker --drain' 'db init' 'submit org/m -s wordnet' 'task lint ./x.lua' 'compare a b'; do
    # shellcheck disable=SC2086
    code "assay $words" 6 "$ASSAY" $words
    has 'says what it is' 'is not in this build, which is the harness alone' "$tmp/err"
done
has 'and what to do' 'script/build' "$tmp/err"
code 'as JSON' 6 "$ASSAY" db migrate --json
has 'too' "'db migrate' is not in this build" "$tmp/err"
code 'a noun without a verb' 2 "$ASSAY" hub
code 'no such command' 2 "$ASSAY" embett

echo '{"id": 1, "ids": [1, 2, 3, 4]}' >"$tmp/text"
code 'embed a folder' 0 "$ASSAY" embed "$enc" --pooling mean --stats "$tmp/stats" <"$tmp/text"
cp "$tmp/out" "$tmp/first"
py 'is a vector of unit length' 'v = lines(sys.argv[1])[0]["embedding"]; assert abs(sum(x * x for x in v) - 1) < 1e-5' "$tmp/out"
code 'embed out of a mirror' 0 "$ASSAY" embed tiny/encoder --pooling mean --hub "$tmp/hub" <"$tmp/text"
equal 'is the same' "$(cat "$tmp/first")" "$(cat "$tmp/out")"
code 'a model that no mirror has' 3 "$ASSAY" embed tiny/none --hub "$tmp/hub" <"$tmp/text"
code 'a model of the hub' 6 "$ASSAY" embed tiny/encoder <"$tmp/text"
has 'is not fetched' 'this build is the harness alone' "$tmp/err"
has 'with what to do' '--hub DIR' "$tmp/err"

echo '{"id": 1, "context_ids": [5, 6], "choices_ids": [[8], [9, 10]]}' >"$tmp/score"
code 'score' 0 "$ASSAY" score "$dec" <"$tmp/score"
py 'two choices' 'l = lines(sys.argv[1])[0]["loglikelihood"]; assert len(l) == 2 and all(x < 0 for x in l), l' "$tmp/out"
echo '{"id": 1, "prompt_ids": [5, 6]}' >"$tmp/prompt"
code 'generate' 0 "$ASSAY" generate "$dec" --max-tokens 3 <"$tmp/prompt"
code 'model show' 0 "$ASSAY" model show "$dec"
code 'model tensors' 0 "$ASSAY" model tensors "$dec" --json
code 'model truncate' 0 "$ASSAY" model truncate "$dec" "$tmp/cut" --layers 1
code 'bench' 0 "$ASSAY" bench "$dec" -w score -l 8 -b 2 --rounds 1 --seconds 0.001 --json
code 'version' 0 "$ASSAY" version

code 'a device that is not there' 6 env ASSAY_CUDA_MODULE= "$ASSAY" score "$dec" --device cuda <"$tmp/score"
code 'doctor' 0 env ASSAY_CUDA_MODULE= "$ASSAY" doctor
has 'says of the processor' processors "$tmp/out"
grep -q ' database ' "$tmp/out" && fail 'the doctor looks for a database'
fakes() { env LD_LIBRARY_PATH="$FAKES" ASSAY_CUDA_MODULE= "$@"; }
code 'doctor with two GPUs' 0 fakes env FAKE_GPUS=2 "$ASSAY" doctor
has 'says which driver' 'driver 590.1.2 for CUDA 13.2, 2 devices' "$tmp/out"
has 'and how each is doing' 'Fake G1, compute 9.0, 85.9 GB (2.1 in use), 10 % busy by 1 process, 41 °C, ECC off' "$tmp/out"
has 'and what is missing' "build it where nvcc is" "$tmp/out"
code 'doctor as JSON' 0 fakes env FAKE_GPUS=2 "$ASSAY" doctor --json
py 'holds the devices' 'd = json.load(open(sys.argv[1])); assert [g["name"] for g in d["gpus"]["devices"]] == ["Fake G0", "Fake G1"], d["gpus"]' "$tmp/out"
code 'a GPU with memory errors' 1 fakes env FAKE_GPUS=2 FAKE_SICK=1 "$ASSAY" doctor
has 'is sick' 'FAIL cuda:1' "$tmp/out"
code 'a driver that does not start' 1 fakes env FAKE_GPUS=-1 "$ASSAY" doctor
has 'is said' 'the driver does not work' "$tmp/out"
code 'a module of another build' 1 env LD_LIBRARY_PATH="$FAKES" ASSAY_CUDA_MODULE=libm.so.6 "$ASSAY" doctor
has 'is said' 'libm.so.6 is not of this build' "$tmp/out"
finish
