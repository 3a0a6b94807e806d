/* Inside the data room: paths against the patterns that data set cards use. */
#ifndef ASSAY_DATA_GLOB_H
#define ASSAY_DATA_GLOB_H

#include <stdbool.h>

enum { GLOB_MAX = 512 };

/* '*' and '?' stop at '/', "**" doesn't and "** /" may stand for nothing, [a-z] and [!a-z] are
 * sets, {a,b} is not known. Time is pattern times path, whatever the pattern; one longer than
 * GLOB_MAX matches nothing. */
bool glob_match(const char *pattern, const char *path);

#endif
