-- $1 SHA-256, $2 name, $3 user, $4 org, $5 scopes with commas, $6 webhook or NULL, $7 days or NULL.
SELECT add_token($1, $2, $3, $4, string_to_array($5, ','), $6, $7::integer) AS token_id
