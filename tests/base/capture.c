/* Standard error, caught (see capture.h). */
#include "capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int open_terminal(int *other_end) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) {
        abort();
    }
    *other_end = open(ptsname(master), O_RDWR | O_NOCTTY);
    return master;
}

void capture_begin(struct capture *c, bool tty) {
    int writer;
    fflush(stderr);
    c->tty = tty;
    c->saved = dup(STDERR_FILENO);
    if (tty) {
        c->reader = open_terminal(&writer);
    } else {
        c->reader = memfd_create("stderr", 0);
        writer = dup(c->reader);
    }
    if (c->saved < 0 || writer < 0 || dup2(writer, STDERR_FILENO) < 0) {
        abort();
    }
    close(writer);
}

const char *capture_end(struct capture *c) {
    fflush(stderr);
    if (c->tty) {
        fcntl(c->reader, F_SETFL, O_NONBLOCK);
    } else {
        lseek(c->reader, 0, SEEK_SET);
    }
    size_t used = 0;
    for (ssize_t n; (n = read(c->reader, c->text + used, sizeof c->text - 1 - used)) > 0;) {
        used += (size_t)n;
    }
    c->text[used] = 0;
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    close(c->reader);
    return c->text;
}
