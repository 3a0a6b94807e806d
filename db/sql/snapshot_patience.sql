-- No parameters. For the rest of this transaction, which only reads: ten minutes between two statements.
SET LOCAL idle_in_transaction_session_timeout = '10min'
