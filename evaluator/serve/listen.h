/* The socket to listen on. */
#ifndef ASSAY_SERVE_LISTEN_H
#define ASSAY_SERVE_LISTEN_H

#include "base/err.h"

/* ADDR:PORT, [ADDR6]:PORT, PORT (on 127.0.0.1), unix:PATH, or "systemd" (the first socket handed
 * over by LISTEN_FDS). A socket that a dead server left at PATH is removed, a live one is
 * ERR_BUSY. -1 on failure. *port may be NULL; 0 for a Unix socket. */
MUST_CHECK int listen_open(const char *where, unsigned *port, struct err *err);
/* Removes the path of a Unix socket. */
void listen_remove(const char *where);

#endif
