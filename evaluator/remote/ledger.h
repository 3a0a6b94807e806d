/* What an api was paid: a file of signed amounts, only ever appended to.
 *
 * Before a request goes out, the most that it can cost is written down; when its answer is there,
 * what it cost less is given back. Who dies in between leaves the most standing, so the sum is
 * never less than what was paid, and a ceiling over it holds whatever happens. A machine that loses
 * power may forget the last second. One process at a time has it open. Private to the remote room.
 */
#ifndef ASSAY_REMOTE_LEDGER_H
#define ASSAY_REMOTE_LEDGER_H

#include <stdint.h>

#include "base/err.h"

/* Amounts are millionths of a millionth of the currency: a token may cost less than a millionth. */
#define LEDGER_UNIT 1e12

struct ledger {
    int fd;          /* -1: nothing is written (a plan) */
    int64_t sum;     /* paid, and under way at its most */
    int64_t pending; /* of that, under way in this process */
    int64_t ceiling; /* < 0: none */
    double synced_at;
};

/* ERR_BUSY where another process has it open. */
MUST_CHECK bool ledger_open(
    struct ledger *l, const char *path, double ceiling, bool dry, struct err *err);
void ledger_close(struct ledger *l);

/* Whether that much fits below the ceiling beside all else. */
bool ledger_has_room(const struct ledger *l, int64_t most);
MUST_CHECK bool ledger_reserve(struct ledger *l, int64_t most, struct err *err);
/* What was reserved cost this much. */
MUST_CHECK bool ledger_settle(struct ledger *l, int64_t most, int64_t paid, struct err *err);

/* The sum in a file; 0 where there is none. */
MUST_CHECK bool ledger_read(const char *path, int64_t *sum, struct err *err);

#endif
