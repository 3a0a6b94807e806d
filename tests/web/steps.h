/* Steps of a walk through pages: where to go, keys to press, and a script that must return true
 * soon after. Whoever adds a walk adds a list in a file of its own. */
#ifndef ASSAY_TESTS_WEB_STEPS_H
#define ASSAY_TESTS_WEB_STEPS_H

struct step {
    const char *what;   /* NULL ends the list */
    const char *path;   /* NULL: where the last step was; "390:demo/": in a window of that width */
    const char *keys;   /* "/ m i n i Tab Enter"; NULL: none */
    const char *script; /* the body of a function */
};

extern const struct step BOARD_STEPS[], EVIDENCE_STEPS[];
extern const char BOARD_TIMES[]; /* {"first", "sort", "filter"}: milliseconds */

#endif
