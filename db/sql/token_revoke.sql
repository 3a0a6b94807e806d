-- $1 token.
SELECT revoke_token($1::bigint) AS revoked
