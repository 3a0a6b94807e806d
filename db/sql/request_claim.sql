-- $1 lease in seconds. The next request that is to be resolved; no row: none.
SELECT request_id, tries, submitter, model, revision, suite, config, priority FROM claim_request($1::integer)
