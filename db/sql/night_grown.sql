-- $1 since when. Models whose histories have grown since.
SELECT model FROM night_grown($1::timestamptz)
