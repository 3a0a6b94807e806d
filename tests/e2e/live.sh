#!/bin/sh
# The live corner of the service: what a model that is here says to a visitor's texts, by form and by API; the numbers of `assay embed`
# and `score`; ceilings, a queue that has an end, visitors who leave. What is asked over HTTP is in live.py, a function a promise.
. "$(dirname "$0")/lib.sh"

models
library
hub
"$ASSAY" db init >/dev/null
code 'a model that is not here is not fetched' 3 "$ASSAY" serve --listen 127.0.0.1:0 --live tiny/encoder
has 'and how to have it is said' 'assay hub pull tiny/encoder' "$tmp/err"
"$ASSAY" hub pull tiny/encoder >/dev/null 2>&1
"$ASSAY" hub pull tiny/decoder >/dev/null 2>&1

http() { python3 "$e2e/live.py" "$@" || fail "$*"; checks=$((checks + $#)); }

cat >"$tmp/texts" <<'T'
{"id": 0, "text": "a small bird"}
{"id": 1, "text": "a sparrow"}
{"id": 2, "text": "a lorry on the road"}
T
echo '{"id": 0, "context": "The capital of France is", "choices": [" Paris", " Rome", " a town"]}' >"$tmp/choices"
code 'embed' 0 "$ASSAY" embed tiny/encoder --no-progress <"$tmp/texts"
cp "$tmp/out" "$tmp/vectors"
code 'score' 0 "$ASSAY" score tiny/decoder --no-progress <"$tmp/choices"
cp "$tmp/out" "$tmp/scores"
export VECTORS="$tmp/vectors" SCORES="$tmp/scores"

serve open --rate-reads 0 --live tiny/encoder --live tiny/decoder --rate-live 0
http neighbours_are_those_of_embed choices_are_those_of_score models_and_limits_are_listed \
    a_form_needs_no_script_and_shows_what_was_sent a_form_from_elsewhere_is_refused mistakes_are_said_in_a_way_that_helps \
    too_much_is_refused what_markup_says_is_shown_as_text
stop 'a service with models'
! grep -q 'small bird\|capital of France' "$tmp/open.log" || fail 'a text is in the log'
ok 'nothing of what was asked is in the log'

serve slow --rate-reads 0 --live tiny/encoder --rate-live 2
http a_visitor_has_a_rate
stop 'a service with a rate'

code 'two models of one name' 2 "$ASSAY" serve --listen 127.0.0.1:0 --live tiny/encoder --live tiny/encoder
serve folder --rate-reads 0 --live "$tmp/hub/models/tiny/encoder"
http a_model_in_a_folder_is_known_by_its_last_name
stop 'a service with a folder'

serve none --rate-reads 0
http without_models_there_is_no_corner
stop 'a service without models'

# A build without faults has no model that hangs.
if [ "${FAULTS:-OFF}" = ON ]; then
    ASSAY_FAULT=live:1+ serve hangs --rate-reads 0 --live tiny/encoder --rate-live 0 --live-seconds 2
    http a_question_has_its_time a_visitor_who_leaves_makes_room the_queue_has_an_end
    stop 'a service with a limit of time'

    ASSAY_FAULT=live:1+ serve forever --rate-reads 0 --live tiny/encoder --rate-live 0 --live-seconds 600
    background visitors python3 "$e2e/live.py" two_who_wait_are_told_that_it_ends
    visitors=$pid
    http one_is_answered_and_one_waits
    stop 'a service whose model hangs'
    wait "$visitors" || fail 'who waited was not told'
    ok 'who waited is told'
fi
finish
