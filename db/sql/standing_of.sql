-- $1 org/name. The last decision on it or on its organisation; NULLs where there is none.
SELECT standing, reason, at FROM standing_of($1)
