-- No parameters. After site_board_open.
CLOSE board_rows
