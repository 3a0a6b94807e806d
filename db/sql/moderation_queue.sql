-- No parameters. What waits for a person, oldest first.
SELECT held_id, model, commit, suite, submitter, code, reason, created_at FROM moderation_queue ORDER BY held_id
