/* See patience.h. */
#include "evaluator/nightly/patience.h"

/* Trying takes its time, too. */
static void count(struct patience *p, double now) {
    p->waited_s += p->away ? now - p->told_s : 0;
    p->told_s = now;
}

bool patience_spent(const struct patience *p) {
    return p->away && p->waited_s >= p->all_s;
}

double patience_rest(struct patience *p, double now) {
    count(p, now);
    p->away = true;
    double rest = p->first_s, left = p->all_s - p->waited_s;
    for (unsigned i = 0; i < p->tries && rest < PATIENCE_REST_MAX_S; i++) {
        rest *= 2;
    }
    p->tries++;
    rest = rest < PATIENCE_REST_MAX_S ? rest : PATIENCE_REST_MAX_S;
    return left <= 0 ? -1 : rest < left ? rest : left;
}

bool patience_end(struct patience *p, double now) {
    bool was = p->away;
    count(p, now);
    p->away = false;
    p->tries = 0;
    return was;
}
