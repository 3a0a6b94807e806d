-- $1 subject (NULL: all), $2 how many. Newest first.
SELECT audit_id, at, actor, login, action, subject, reason, data FROM audit WHERE $1::text IS NULL OR subject = $1
ORDER BY audit_id DESC LIMIT $2::bigint
