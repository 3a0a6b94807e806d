/* Private to the room: what the connection layer asks of the private cluster. */
#ifndef ASSAY_DB_CLUSTER_H
#define ASSAY_DB_CLUSTER_H

#include "db/db.h"

/* Starts the cluster again after a crash, unless `db down` said that it is to stay down (ERR_DB
 * then). */
MUST_CHECK bool cluster_wake(const char *home, struct err *err);

/* Paths, user and programs of the cluster of `home`; touches nothing but makes the home itself. */
MUST_CHECK bool cluster_describe(struct cluster *c, const char *home, struct err *err);

/* Programs of PostgreSQL, run as the cluster's user. */
MUST_CHECK bool cluster_initdb(const struct cluster *c, struct err *err);
MUST_CHECK bool cluster_start(const struct cluster *c, struct err *err);
MUST_CHECK bool cluster_stop(const struct cluster *c, struct err *err);

/* The pid in postmaster.pid if that process is this cluster's postmaster, else 0. */
pid_t cluster_postmaster(const struct cluster *c);
/* Whether the server answers on its socket: accepts connections, or at least is there. */
bool cluster_answers(const struct cluster *c);

#endif
