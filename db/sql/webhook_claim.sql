-- $1 lease in seconds. The next webhook that is due; no row: none.
SELECT webhook_id, request_id, token_id, url, body::text, tries FROM claim_webhook($1::integer)
