-- No parameters. All tokens, without what they are.
SELECT token_id, name, username, org, array_to_string(scopes, ',') AS scopes, created_at, expires_at, revoked_at
FROM api_tokens ORDER BY token_id
