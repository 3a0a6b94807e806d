/* Measuring (see bench.h). */
#include "evaluator/cli/bench.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

#define ROOF_S 0.02   /* of the roof before and behind each case */
#define STREAM_S 0.05 /* of reading, once a round */
enum { REPEATS_MAX = 100000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- texts ---- */

/* Ids from the middle half of the vocabulary: special tokens lie at its ends. */
static void ids_fill(int32_t *ids, size_t n, uint32_t n_vocab, uint64_t seed) {
    uint32_t most = n_vocab > 4 ? n_vocab / 2 : n_vocab, first = n_vocab > 4 ? n_vocab / 4 : 0;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)(first + (uint32_t)(seed >> 33) % most);
    }
}

/* A batch of one case, and what it gave. */
struct batch {
    const struct bench_case *of;
    struct model *model;
    struct arena arena;
    int32_t *ids; /* [batch, length + 1] */
    struct run_stats stats;
    struct run_options run;
    /* generation: steps in which every text made one token */
    double step_start, steps_s;
    uint64_t done, steps;
};

static const int32_t *text_of(const struct batch *b, uint32_t i) {
    return b->ids + (size_t)i * (b->of->length + 1);
}

static void *batch_room(struct batch *b, size_t size) {
    return arena_alloc(&b->arena, b->of->batch * size);
}

/* ---- the kinds of work ---- */

static bool first_error(const struct err *of_request, struct err *err) {
    if (of_request->class == ERR_NONE)
        return true;
    *err = *of_request;
    return false;
}

static bool run_embed(struct batch *b, struct err *err) {
    struct embed_options options = { .pooling = model_info(b->model)->has_pooling ? POOL_AUTO
                                                                                  : POOL_MEAN };
    struct embed_request *requests = batch_room(b, sizeof *requests);
    uint32_t width = model_embed_width(b->model, &options, err);
    if (width == 0)
        return false;
    float *vectors = batch_room(b, width * sizeof *vectors);
    for (uint32_t i = 0; i < b->of->batch; i++)
        requests[i] = (struct embed_request) { .ids = text_of(b, i), .n_ids = b->of->length };
    return model_embed(b->model, &options, requests, b->of->batch, vectors, &b->run, err) &&
           first_error(&requests[0].err, err);
}

static bool run_classify(struct batch *b, struct err *err) {
    struct classify_request *requests = batch_room(b, sizeof *requests);
    uint32_t labels = model_labels(b->model, err);
    if (labels == 0)
        return false;
    float *logits = batch_room(b, labels * sizeof *logits),
          *scores = batch_room(b, labels * sizeof *scores);
    for (uint32_t i = 0; i < b->of->batch; i++)
        requests[i] = (struct classify_request) { .ids = text_of(b, i), .n_ids = b->of->length };
    return model_classify(b->model, requests, b->of->batch, logits, scores, &b->run, err) &&
           first_error(&requests[0].err, err);
}

static bool score(struct batch *b, bool rolling, struct err *err) {
    uint32_t n = b->of->length;
    struct score_request *requests = batch_room(b, sizeof *requests);
    struct score_choice *choices = batch_room(b, sizeof *choices);
    for (uint32_t i = 0; i < b->of->batch; i++) {
        const int32_t *ids = text_of(b, i);
        choices[i] =
            (struct score_choice) { .ids = rolling ? ids : ids + n, .n_ids = rolling ? n + 1 : 1 };
        requests[i] = (struct score_request) { .rolling = rolling,
            .context_ids = rolling ? NULL : ids,
            .n_context_ids = rolling ? 0 : n,
            .choices = &choices[i],
            .n_choices = 1 };
    }
    struct score_options options = { 0 };
    return model_score(b->model, &options, requests, b->of->batch, &b->run, err) &&
           first_error(&requests[0].err, err);
}

static bool run_score(struct batch *b, struct err *err) {
    return score(b, false, err);
}

static bool run_rolling(struct batch *b, struct err *err) {
    return score(b, true, err);
}

/* A step in which as many tokens were computed as there are texts is one of generation. */
static bool step_done(uint64_t done, uint64_t total, void *arg) {
    struct batch *b = arg;
    double t = now();
    (void)total;
    if (done - b->done == b->of->batch && b->done >= (uint64_t)b->of->batch * b->of->length) {
        b->steps_s += t - b->step_start;
        b->steps++;
    }
    b->done = done;
    b->step_start = t;
    return true;
}

static bool generate(struct batch *b, uint32_t made, struct err *err) {
    struct generate_request *requests = batch_room(b, sizeof *requests);
    for (uint32_t i = 0; i < b->of->batch; i++)
        requests[i] = (struct generate_request) { .prompt_ids = text_of(b, i),
            .n_prompt_ids = b->of->length };
    struct generate_options options = { .max_tokens = made, .run_on = true };
    bool ok = model_generate(b->model, &options, requests, b->of->batch, &b->run, err) &&
              first_error(&requests[0].err, err);
    for (uint32_t i = 0; i < b->of->batch; i++) {
        free(requests[i].text);
        free(requests[i].ids);
    }
    return ok;
}

static bool run_generate(struct batch *b, struct err *err) {
    b->run.progress = step_done;
    b->run.progress_arg = b;
    b->done = 0;
    return generate(b, b->of->made, err);
}

static const struct work {
    const char *name;
    bool (*run)(struct batch *b, struct err *err);
} works[BENCH_N_WORKS] = {
    [BENCH_EMBED] = { "embed", run_embed },
    [BENCH_CLASSIFY] = { "classify", run_classify },
    [BENCH_SCORE] = { "score", run_score },
    [BENCH_ROLLING] = { "rolling", run_rolling },
    [BENCH_GENERATE] = { "generate", run_generate },
};

const char *bench_work_name(enum bench_work work) {
    return works[work].name;
}

bool bench_work_parse(const char *name, enum bench_work *out, struct err *err) {
    for (int i = 0; i < BENCH_N_WORKS; i++) {
        if (!strcmp(works[i].name, name)) {
            *out = (enum bench_work)i;
            return true;
        }
    }
    return err_set(err, ERR_USAGE,
        "work '%.32s' is not one of embed, classify, score, rolling, generate", name);
}

/* ---- one case ---- */

static void batch_open(struct batch *b, const struct bench_case *of, struct model *m) {
    size_t n = (size_t)of->batch * (of->length + 1);
    *b = (struct batch) { .of = of, .model = m, .ids = xcalloc(n, sizeof *b->ids) };
    ids_fill(b->ids, n, model_info(m)->n_vocab, n);
}

/* The statistics of a run lie in the batch, which must stay where it is. */
static bool batch_run(struct batch *b, struct err *err) {
    b->run = (struct run_options) { .no_prefix_sharing = true, .stats = &b->stats };
    bool ok = works[b->of->work].run(b, err);
    arena_reset(&b->arena);
    return ok;
}

static void batch_close(struct batch *b) {
    arena_release(&b->arena);
    free(b->ids);
}

/* Of generation only steps in which every text made a token count: what comes up to the first one
 * is the work of `score`. */
static bool generated(
    const struct batch *b, const struct bench_row *row, struct bench_sample *s, struct err *err) {
    if (b->steps == 0)
        return err_set(err, ERR_RESOURCE, "no step held all of the texts");
    uint32_t texts = b->of->batch, made = b->of->made;
    double steps_per_s = (double)b->steps / b->steps_s;
    double step_flops = (b->stats.flops / row->repeats - row->text_flops) / (made - 1);
    s->tokens = texts * steps_per_s;
    s->flops = step_flops * steps_per_s;
    s->bytes = model_step_bytes(b->model, texts, b->of->length + made / 2) * steps_per_s;
    return true;
}

/* Runs the case `repeats` times and looks at the clock. */
static bool case_run(const struct bench_row *row, struct model *m, struct bench_sample *s,
    double *took, struct err *err) {
    struct batch b;
    batch_open(&b, &row->of, m);
    bool ok = true;
    double start = now();
    for (uint32_t i = 0; ok && i < row->repeats; i++)
        ok = batch_run(&b, err);
    *took = now() - start;
    s->tokens = (double)b.stats.tokens_computed / *took;
    s->flops = b.stats.flops / *took;
    ok = ok && (row->of.work != BENCH_GENERATE || generated(&b, row, s, err));
    batch_close(&b);
    return ok;
}

static bool case_measure(const struct bench_row *row, struct model *m, double stream,
    struct bench_sample *s, struct err *err) {
    double before = model_roof(m, ROOF_S), took;
    if (!case_run(row, m, s, &took, err))
        return false;
    s->roof = (before + model_roof(m, ROOF_S)) / 2;
    s->stream = stream;
    return true;
}

/* FLOPs of generation up to its first token. */
static bool text_measure(struct bench_row *row, struct model *m, struct err *err) {
    struct batch b;
    batch_open(&b, &row->of, m);
    b.run = (struct run_options) { .no_prefix_sharing = true, .stats = &b.stats };
    bool ok = generate(&b, 1, err);
    row->text_flops = b.stats.flops;
    batch_close(&b);
    return ok;
}

/* Touches memory, makes tables, and says how often to repeat. */
static bool case_warm(struct bench_row *row, double seconds, struct model *m, struct err *err) {
    struct bench_sample ignored;
    double took = 0;
    row->repeats = 1;
    bool ok = (row->of.work != BENCH_GENERATE || text_measure(row, m, err)) &&
              case_run(row, m, &ignored, &took, err);
    if (!ok)
        return err_wrap(err, "%s, %u texts of %u tokens", bench_work_name(row->of.work),
            row->of.batch, row->of.length);
    double times = seconds / (took > 1e-6 ? took : 1e-6);
    row->repeats = times < 1 ? 1 : times > REPEATS_MAX ? REPEATS_MAX : (uint32_t)times + 1;
    return true;
}

bool bench_run(struct bench_rows *rows, const struct bench_options *o, struct model *m,
    bench_turn_fn *turn, void *arg, struct err *err) {
    for (size_t i = 0; i < rows->n; i++) {
        turn(arg, &rows->items[i].of);
        if (!case_warm(&rows->items[i], o->seconds, m, err))
            return false;
    }
    for (uint32_t round = 0; round < o->rounds; round++) {
        double stream = model_stream(m, STREAM_S);
        for (size_t i = 0; i < rows->n; i++) {
            struct bench_row *row = &rows->items[i];
            turn(arg, &row->of);
            if (!case_measure(row, m, stream, &row->samples[round], err))
                return false;
        }
    }
    return true;
}
