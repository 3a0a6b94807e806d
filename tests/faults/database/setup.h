/* How the faults of a database begin and go on: a worker on some connection, a job in its hands,
 * its result told. */
#ifndef ASSAY_TESTS_FAULTS_SETUP_H
#define ASSAY_TESTS_FAULTS_SETUP_H

#include "tests/db/fixture.h"

/* One that gives up after `retry_s`; it must succeed. */
struct db *connect_to(const char *conninfo, unsigned retry_s);

/* There is a submission of so many jobs, and a worker registers. */
void begin(struct fixture *f, struct db *db, int n_jobs, struct worker *w);
/* False where there is no job. */
bool take(struct db *db, const struct worker *w, unsigned lease_s, struct job *job);
/* Tells its result, which must not be an error, and keeps the job. */
enum queue_answer finish(struct db *db, const struct job *job);

/* So many turns with the job in hand, each of which must find another. */
void turns(struct fixture *f, struct worker *w, struct job *job, int n);
/* Entries of the queue's indexes that have been read so far, by everybody. */
long long entries_read(struct fixture *f);

/* A folder `name` of the fixture's home with the job's result in it. */
void spool_one(struct fixture *f, const char *name, const struct job *job, char path[100]);

#endif
