/* Several CPU backends of one process as a group: each has a part of a model, as devices have with
 * --tensor-parallel. It is slower than one with all threads, and there so that what several devices
 * do can be seen where there are none. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "harness/cpu/cpu.h"

struct cpu_group {
    uint32_t n;
    struct rows *rows; /* [n]: what each rank has come with */
    pthread_barrier_t barrier;
    _Atomic uint32_t n_open;
};

bool cpu_join(struct backend *const *ranks, uint32_t n, struct err *err) {
    struct cpu_group *g = xcalloc(1, sizeof *g);
    int e = pthread_barrier_init(&g->barrier, NULL, n);
    if (e != 0) {
        free(g);
        return err_set(err, ERR_NODE, "could not make a barrier for %u threads", n);
    }
    g->n = n;
    g->rows = xcalloc(n, sizeof *g->rows);
    atomic_init(&g->n_open, n);
    for (uint32_t i = 0; i < n; i++) {
        BUG_IF(cpu_of(ranks[i])->group != NULL);
        cpu_of(ranks[i])->group = g;
        cpu_of(ranks[i])->rank = i;
        cpu_of(ranks[i])->caps.sums = "memory";
    }
    return true;
}

void cpu_leave(struct cpu *c) {
    struct cpu_group *g = c->group;
    if (g == NULL || atomic_fetch_sub(&g->n_open, 1) > 1)
        return;
    pthread_barrier_destroy(&g->barrier);
    free(g->rows);
    free(g);
}

/* Numbers [from, end) of all ranks' rows become their sum, rank after rank. */
static void sum_part(const struct cpu_group *g, size_t from, size_t end) {
    for (size_t i = from; i < end; i++) {
        float sum = ((const float *)row_at(g->rows[0], 0))[i];
        for (uint32_t r = 1; r < g->n; r++)
            sum += ((const float *)row_at(g->rows[r], 0))[i];
        for (uint32_t r = 0; r < g->n; r++)
            ((float *)row_at(g->rows[r], 0))[i] = sum;
    }
}

/* Each rank adds up a part of the numbers for all. Nobody touches rows before all have come, or
 * goes on before all are done. */
void cpu_all_reduce(struct backend *b, struct rows x) {
    const struct cpu *c = cpu_of(b);
    struct cpu_group *g = c->group;
    BUG_IF(g == NULL || x.buf->elem != ELEM_F32);
    rows_check(x, x.buf->cols);
    g->rows[c->rank] = x;
    pthread_barrier_wait(&g->barrier);
    for (uint32_t r = 0; r < g->n; r++)
        BUG_IF(g->rows[r].n != x.n || g->rows[r].buf->cols != x.buf->cols);
    size_t all = (size_t)x.n * x.buf->cols, each = (all + g->n - 1) / g->n, from = c->rank * each;
    from = from < all ? from : all;
    sum_part(g, from, all - from < each ? all : from + each);
    pthread_barrier_wait(&g->barrier);
}
