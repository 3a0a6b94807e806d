-- $1 SHA-256 of a token. Its holder; no row: it is not, or no longer, good.
SELECT token_id, username, org, array_to_string(scopes, ',') AS scopes, webhook FROM find_token($1)
