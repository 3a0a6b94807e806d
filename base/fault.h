/* Faults on demand. A build with -DASSAY_FAULTS=ON (the preset dev) asks ASSAY_FAULT at named
 * places whether something goes wrong there; other builds have no such places.
 *
 *   ASSAY_FAULT=PLACE:N[+][!SIGNAL][,...]
 *
 * the N-th passing of the place fails (N+: that one and all later ones), or the process gets SIGNAL
 * there: KILL, STOP, SEGV, ABRT or TERM. Processes that are started inherit the list and count
 * anew. */
#ifndef ASSAY_BASE_FAULT_H
#define ASSAY_BASE_FAULT_H

#include <stdbool.h>

#ifdef ASSAY_FAULTS
/* True: what stands here shall fail, as its own error says. */
bool fault(const char *place);
#else
static inline bool fault(const char *place) {
    (void)place;
    return false;
}
#endif

#endif
