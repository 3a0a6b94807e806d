/* What a service tells its manager (systemd's sd_notify, by hand): a datagram to the socket that
 * NOTIFY_SOCKET names. Without one nothing is said. */
#ifndef ASSAY_NOTIFY_H
#define ASSAY_NOTIFY_H

#include "base/err.h"

void notify_ready(void);
void notify_stopping(void);
/* For the watchdog; at most once a second goes out, however often it is called. */
void notify_alive(void);
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
