-- $1 model, $2 suite. Why it need not be looked at: 'submitted', 'held', 'banned', 'withdrawn'; no row where it does.
SELECT why FROM discover_known($1, $2)
