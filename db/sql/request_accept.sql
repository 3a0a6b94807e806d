-- $1 what is asked for (jsonb, described in evaluator/serve/store.h). created, same or conflict.
SELECT request_id, answer FROM accept_request($1::jsonb)
