-- No parameters. The next rows of the board that site_board_open began, in its order; none at its end.
FETCH 4000 FROM board_rows
