-- $1 days that events stay, $2 days that checkpoints of ended jobs stay. How many of each went.
SELECT events, checkpoints FROM collect($1::double precision, $2::double precision)
