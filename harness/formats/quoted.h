/* A stranger's name made fit for a message: control and direction-changing characters and invalid
 * UTF-8 are escaped, long names are cut. Names from files go into messages this way and no other.
 */
#ifndef ASSAY_HARNESS_FORMATS_QUOTED_H
#define ASSAY_HARNESS_FORMATS_QUOTED_H

#include <stddef.h>

struct quoted {
    char text[128];
};

/* Fills *q and returns q->text. */
const char *quoted(struct quoted *q, const char *name, size_t n);

/* The same for a NUL-terminated string. */
const char *quoted_str(struct quoted *q, const char *name);

#endif
