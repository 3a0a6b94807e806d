-- $1 org/name. What it was put together of: by 'tensors' or 'weights'; no row where nothing says so.
SELECT how, array_to_json(parents)::jsonb AS parents, fit FROM merge_of($1)
