/* Which build of the program this is: what it computes from a file is the same only by the same
 * code. */
#ifndef ASSAY_HARNESS_CPU_BUILD_ID_H
#define ASSAY_HARNESS_CPU_BUILD_ID_H

#include <stdbool.h>

enum { BUILD_ID_HEX = 2 * 64 + 1 };

/* The linker's sum over the object that holds this code, in hex; false where it has none. */
bool build_id(char hex[BUILD_ID_HEX]);

#endif
