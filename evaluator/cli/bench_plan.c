/* Which cases are measured: what was asked for, or what suits the model. */
#include "evaluator/cli/bench.h"

#include "base/mem.h"

/* ---- what suits a model ---- */

static void list_add(struct bench_list *list, uint32_t item) {
    if (list->n < BENCH_LIST_MAX)
        list->items[list->n++] = item;
}

/* A model that pools is embedded with, whatever else it can. */
static struct bench_list works_of(const struct model_info *info) {
    struct bench_list works = { 0 };
    if (info->classifies)
        list_add(&works, BENCH_CLASSIFY);
    else if (info->has_pooling || !info->causal)
        list_add(&works, BENCH_EMBED);
    else {
        list_add(&works, BENCH_SCORE);
        list_add(&works, BENCH_ROLLING);
        list_add(&works, BENCH_GENERATE);
    }
    return works;
}

/* Texts and tokens made must fit; what is chosen here fits, or is left out. */
static uint32_t longest(const struct model_info *info, const struct bench_options *o) {
    return info->max_length > o->made + 1 ? info->max_length - o->made - 1 : 1;
}

static struct bench_list lengths_of(const struct model_info *info, const struct bench_options *o) {
    static const uint32_t encoder[] = { 16, 64, 256 }, decoder[] = { 32, 128, 512 };
    const uint32_t *some = info->causal ? decoder : encoder;
    uint32_t most = info->causal ? longest(info, o) : info->max_length;
    struct bench_list lengths = { 0 };
    for (int i = 0; i < 3; i++)
        if (some[i] <= most)
            list_add(&lengths, some[i]);
    if (lengths.n == 0)
        list_add(&lengths, most);
    return lengths;
}

static struct bench_list batches_of(const struct model_info *info) {
    struct bench_list batches = { 0 };
    list_add(&batches, 1);
    list_add(&batches, 8);
    if (!info->causal)
        list_add(&batches, 64);
    return batches;
}

/* ---- the cases ---- */

static bool case_check(const struct bench_case *c, const struct model_info *info, struct err *err) {
    bool decodes = c->work == BENCH_SCORE || c->work == BENCH_ROLLING || c->work == BENCH_GENERATE;
    uint64_t taken = (uint64_t)c->length + c->made;
    if (decodes && !info->causal)
        return err_set(err, ERR_UNSUPPORTED, "cannot %s with an encoder", bench_work_name(c->work));
    if (c->work == BENCH_CLASSIFY && !info->classifies)
        return err_set(err, ERR_UNSUPPORTED, "the model has no classifier");
    if (info->max_length && taken > info->max_length) {
        err_set(err, ERR_USAGE, "%llu tokens are more than the model takes: %u",
            (unsigned long long)taken, info->max_length);
        return err_hint(err, "give shorter texts with --lengths%s",
            c->made ? ", or make fewer tokens with --made" : "");
    }
    return true;
}

static void row_add(struct bench_rows *rows, struct bench_case of, uint32_t rounds) {
    rows->items[rows->n++] = (struct bench_row) {
        .of = of,
        .samples = xcalloc(rounds, sizeof(struct bench_sample)),
        .repeats = 1,
    };
}

bool bench_plan(struct bench_rows *rows, const struct bench_options *o, const struct model *m,
    struct err *err) {
    const struct model_info *info = model_info(m);
    struct bench_list works = o->works.n ? o->works : works_of(info),
                      lengths = o->lengths.n ? o->lengths : lengths_of(info, o),
                      batches = o->batches.n ? o->batches : batches_of(info);
    *rows = (struct bench_rows) { 0 };
    rows->items = xcalloc((size_t)works.n * lengths.n * batches.n, sizeof *rows->items);
    for (unsigned w = 0; w < works.n; w++)
        for (unsigned l = 0; l < lengths.n; l++)
            for (unsigned b = 0; b < batches.n; b++) {
                struct bench_case of = { .work = (enum bench_work)works.items[w],
                    .length = lengths.items[l],
                    .batch = batches.items[b] };
                of.made = of.work == BENCH_GENERATE ? o->made : 0;
                if (!case_check(&of, info, err))
                    return false;
                row_add(rows, of, o->rounds);
            }
    return true;
}

void bench_rows_release(struct bench_rows *rows) {
    for (size_t i = 0; i < rows->n; i++)
        free(rows->items[i].samples);
    free(rows->items);
    *rows = (struct bench_rows) { 0 };
}
