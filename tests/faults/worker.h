/* The chaos run's worker and what it shares with the driver. */
#ifndef ASSAY_TESTS_FAULTS_WORKER_H
#define ASSAY_TESTS_FAULTS_WORKER_H

#include "db/db.h"

struct worker_options {
    const char *home;  /* of the private cluster */
    const char *spool; /* shared by all */
    const char *tally; /* a file of one letter an answer: it outlives whoever is killed */
    unsigned seed;
    unsigned
        zombies; /* of a hundred jobs, so many outlive their lease and are finished all the same */
};
#define CHAOS_LEASE_S 3

int worker_main(const struct worker_options *options);

/* The score that this model must get on this task: what the oracle in SQL computes too. */
double chaos_score(const char *model, const char *task);

#endif
