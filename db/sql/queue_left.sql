-- No parameters. Whether anything is queued, leased or waiting.
SELECT work_left() AS something
