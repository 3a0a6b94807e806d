/* Marks on snapshots that are in use, so that what frees disk leaves them alone. A mark is a shared
 * lock on a file beside the snapshot: a process that dies has none. Private to the hub room. */
#ifndef ASSAY_HUB_USE_H
#define ASSAY_HUB_USE_H

#include <stdint.h>

#include "base/err.h"

/* Marks the snapshot (…/models--org--m/snapshots/<commit>) as in use until this process ends, and
 * notes the hour. Waits for somebody who is just removing it: afterwards it may be gone. Where no
 * mark can be made, in a cache that is read-only, nothing is removed either. */
void use_begin(const char *snapshot_dir);

/* The same while a repository is being pulled, when its blobs have no names in a snapshot yet:
 * until the descriptor is closed. -1: no mark. */
int use_begin_pull(const char *repo_dir);

/* Takes what must be free to be removed; -1 where it is in use. `commit` NULL: the repository. */
int use_take(const char *repo_dir, const char *commit);

/* Is it in use? Leaves nothing behind. */
bool use_is_marked(const char *repo_dir, const char *commit);

/* When it was last marked, in seconds; 0: never. */
int64_t use_time(const char *repo_dir, const char *commit);

/* Some process, of whatever program, has the file open or mapped. */
bool file_is_open(const char *path);

#endif
