#!/bin/sh
# Models that are served as OpenAI's API has them: the numbers and texts of `assay embed`, `generate` and `score`, whoever else asks;
# what can't be taken, who leaves, ends in order. What is asked over HTTP is in endpoint.py, a function a promise.
. "$(dirname "$0")/lib.sh"

models
dec=$tmp/hub/models/tiny/decoder enc=$tmp/hub/models/tiny/encoder
cat >"$dec/chat_template.jinja" <<'J'
{%- for m in messages %}
{%- if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}
{{- m.content }}
{%- endfor %}
{{- 'e' if add_generation_prompt }}
J
http() { python3 "$e2e/endpoint.py" "$@" || fail "$*"; checks=$((checks + $#)); }
serve_models() {
    name_of=$1
    shift
    serve "$name_of" --model "$dec" "$@"
}

cat >"$tmp/vectors.in" <<'T'
{"id": 0, "text": "a b c"}
{"id": 1, "text": "d"}
{"id": 2, "text": "f g h i j k l m n o p"}
T
python3 - "$tmp/texts.in" "$tmp/scores.in" <<'PY'
import json, random, sys
r = random.Random(1)
common = "".join(r.choice("abcdefgh") for _ in range(30))
with open(sys.argv[1], "w") as f:
    for i in range(12):
        f.write(json.dumps({"id": i, "prompt": (common if i % 2 else "") + "".join(r.choice("abcdefgh") for _ in range(1 + i))}) + "\n")
with open(sys.argv[2], "w") as f:
    f.write(json.dumps({"id": 0, "context_ids": [r.randrange(3, 37) for _ in range(20)], "choices_ids": [[r.randrange(3, 37) for _ in range(1 + i)] for i in range(5)]}) + "\n")
PY
code 'embed' 0 "$ASSAY" embed "$enc" --no-progress <"$tmp/vectors.in"
cp "$tmp/out" "$tmp/vectors"
code 'generate' 0 "$ASSAY" generate "$dec" --max-tokens 20 --no-progress <"$tmp/texts.in"
cp "$tmp/out" "$tmp/texts"
code 'score' 0 "$ASSAY" score "$dec" --no-progress <"$tmp/scores.in"
cp "$tmp/out" "$tmp/scores"
export VECTORS="$tmp/vectors" TEXTS="$tmp/texts" SCORES="$tmp/scores" READY="$tmp/ready"
export VECTORS_IN="$tmp/vectors.in" TEXTS_IN="$tmp/texts.in" SCORES_IN="$tmp/scores.in"

code 'the service and models are two' 2 "$ASSAY" serve --model "$dec" --anonymous
has 'and that is said' 'start two' "$tmp/err"
code 'what is of models alone' 2 "$ASSAY" serve --texts 3
code 'two models of one name' 2 "$ASSAY" serve --model "$dec" --model "$dec"
code 'no model' 3 "$ASSAY" serve --model "$tmp/none"
code 'an address twice' 2 "$ASSAY" serve --model "$dec" --port 1 --listen 127.0.0.1:0

serve_models open --model "$enc"
http models_are_listed vectors_are_those_of_embed texts_are_those_of_generate drawn_texts_go_by_their_seed numbers_are_those_of_score \
    a_stop_string_is_not_told a_conversation_goes_through_the_template who_else_asks_changes_nothing an_evaluation_beside_an_embedding \
    mistakes_are_said_in_a_way_that_helps a_body_has_an_end
[ ! -e "$ASSAY_HOME/pg" ] || fail 'a database was made'
ok 'no database was made'
stop 'a service with models'

echo 'let-me-in-please' >"$tmp/key"
serve_models locked --key-file "$tmp/key"
http a_key_is_needed
stop 'a service with a key'

# A build without faults has no step that takes its time.
if [ "${FAULTS:-OFF}" = ON ]; then
    export ASSAY_FAULT=models:1+
    serve_models slow --texts 64
    http who_leaves_makes_room a_new_one_joins_those_under_way
    stop 'a slow service'
    serve_models short --answer-seconds 1
    http late_answers_are_told
    stop 'a service with a limit of time'
    for how in a_stream_goes_on_to_its_end:30 a_stream_is_told_of_the_end:1; do
        rm -f "$READY"
        serve_models "ends-${how##*:}" --drain-seconds "${how##*:}"
        background "client-${how##*:}" python3 "$e2e/endpoint.py" "${how%:*}"
        client=$pid
        wait_for 'the stream begins' test -s "$READY"
        stop "a service with a stream, ${how##*:} s"
        wait "$client" || fail "${how%:*}"
        ok "${how%:*}"
    done
fi
finish
