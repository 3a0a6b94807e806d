-- No parameters. For the rest of this transaction, which only reads: ten minutes between two statements; and what is fetched a part at
-- a time is planned as what it is, to be read to its end.
SELECT set_config('idle_in_transaction_session_timeout', '10min', true), set_config('cursor_tuple_fraction', '1', true)
