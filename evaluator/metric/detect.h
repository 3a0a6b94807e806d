/* Which language a text is written in, as Python's langdetect 1.0.9 finds it (Nakatani Shuyo's
 * method): pieces of one to three letters are drawn, and each makes the languages that have it
 * likelier, until one is sure; seven times over. Draws begin with seed 0 for each text; langdetect
 * draws anew each time unless it is given a seed.
 *
 * How often a piece occurs in a language lies in a folder with langdetect's `profiles` and its
 * `messages.properties` (script/languages lays them out). */
#ifndef ASSAY_DETECT_H
#define ASSAY_DETECT_H

#include <stddef.h>

#include "base/err.h"

struct detector;
MUST_CHECK struct detector *detector_open(const char *dir, struct err *err);
void detector_close(struct detector *d); /* NULL is fine */

/* "en", "zh-cn"; "unknown": none is likely enough; NULL: there is nothing to tell it by. */
const char *detector_detect(const struct detector *d, const char *text, size_t n);

#endif
