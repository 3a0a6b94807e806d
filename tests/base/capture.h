/* What a call writes to stderr, through a file or, where `tty`, through a pseudo-terminal. */
#ifndef TESTS_BASE_CAPTURE_H
#define TESTS_BASE_CAPTURE_H

#include <stdbool.h>

struct capture {
    int saved, reader;
    bool tty;
    char text[8192];
};

void capture_begin(struct capture *c, bool tty);
const char *capture_end(struct capture *c); /* what was written; valid as long as *c */

#endif
