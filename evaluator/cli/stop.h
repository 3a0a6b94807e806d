/* SIGINT and SIGTERM as a flag that long-running commands look at. */
#ifndef ASSAY_CLI_STOP_H
#define ASSAY_CLI_STOP_H

#include <stdatomic.h>

/* From now on the first signal sets *result; the next one ends the process with 128 + its
 * number. */
const atomic_bool *stop_on_signals(void);

/* SIGHUP, which is an administrator's word that files are to be read again, raises *result. Where a
 * terminal is behind us it is that terminal's end, and ends us as ever. */
const atomic_uint *hangups_counted(void);

/* SIGUSR1, which is a scheduler's word that the time is nearly over, sets *result. */
const atomic_bool *last_on_signal(void);

#endif
