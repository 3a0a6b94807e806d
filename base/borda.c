/* Borda's rule (see average.h). Ranks of a task are counted, not sorted: models are few. */
#include <math.h>

#include "base/average_parts.h"

/* The mean rank, from 1, of one of the scores of a task. */
static double rank_in_task(const double *scores, size_t n_models, size_t stride, double own) {
    double better = 0, equal = 0;
    for (size_t m = 0; m < n_models; m++) {
        better += scores[m * stride] > own;
        equal += scores[m * stride] == own;
    }
    return better + (equal + 1) / 2;
}

void average_borda(
    const double *scores, size_t n_models, size_t n_tasks, double *votes, size_t *rank) {
    for (size_t m = 0; m < n_models; m++) {
        votes[m] = 0;
        for (size_t t = 0; t < n_tasks; t++) {
            double own = scores[m * n_tasks + t];
            if (!isnan(own))
                votes[m] += (double)n_models - rank_in_task(scores + t, n_models, n_tasks, own);
        }
    }
    for (size_t m = 0; m < n_models; m++) {
        rank[m] = 1;
        for (size_t other = 0; other < n_models; other++)
            rank[m] += votes[other] > votes[m];
    }
}

size_t average_scores(const json_t *tree, average_find_fn *find_part, void *arg, double *scores) {
    struct average a = { find_part, arg };
    size_t i, n = 0;
    json_t *member;
    json_array_foreach(json_object_get(tree, "members"), i, member) {
        struct leaves l = { 0 };
        if (json_get_string(member, "task", NULL)) {
            struct average_part p = average_part_of(&a, member);
            average_add_leaf(&l, "", &p);
        }
        struct score s = average_member(&a, member, &l);
        scores[n++] = l.n_reasons || s.left_out ? NAN : s.value;
        leaves_release(&l);
    }
    return n;
}
