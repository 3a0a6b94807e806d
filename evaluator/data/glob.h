/* Inside the data room: paths against the patterns that data set cards use. */
#ifndef ASSAY_DATA_GLOB_H
#define ASSAY_DATA_GLOB_H

#include <stdbool.h>

enum { GLOB_MAX = 1024 };

/* '*' and '?' stop at '/', "**" doesn't and "** /" may stand for nothing, [a-z] and [!a-z] are
 * sets of code points, {a,b} is not known. Time is pattern times path, whatever the pattern; one
 * longer than GLOB_MAX matches nothing. */
bool glob_match(const char *pattern, const char *path);

/* The same, but hidden files and folders, and folders that begin with "__", are taken only where
 * the pattern says so: it has as many such parts as the path. */
bool glob_takes(const char *pattern, const char *path);

/* A path that no pattern takes but one of its own: hidden, or in such a folder. */
bool glob_passes_over(const char *path);

/* Whether the pattern can stand for more than its own letters. */
bool glob_has_magic(const char *pattern);

#endif
