#ifndef ASSAY_TESTS_FAULTS_INVARIANTS_H
#define ASSAY_TESTS_FAULTS_INVARIANTS_H

struct invariant {
    const char *name, *sql; /* the table ends with NULL */
};
extern const struct invariant invariants[];

#endif
