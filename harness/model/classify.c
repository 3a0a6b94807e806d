/* model_classify: texts, pairs or ids become segments, their rows are pooled and go through the
 * classifier. Segments of similar length share a step, without padding. */
#include <math.h>
#include <string.h>

#include "harness/model/model.h"
#include "harness/model/sched.h"
#include "harness/tokenizer/join.h"

/* One list of ids with its token types. */
struct item {
    const int32_t *ids;
    const uint8_t *types; /* NULL: all 0 */
    uint32_t n;
    size_t request;
};

/* What logits become. */
enum squash { SQUASH_SOFTMAX, SQUASH_SIGMOID, SQUASH_NONE };

struct classifying {
    struct model *model;
    struct classify_request *requests;
    struct arena arena;
    struct item *items;
    size_t n;
    uint32_t labels;
    enum squash squash;
    float *logits, *scores; /* the caller's */
    const struct run_options *run;
    uint64_t n_tokens;
    double n_pairs;
};

/* ---- labels ---- */

uint32_t model_labels(const struct model *m, struct err *err) {
    if (!m->net.spec.has_classifier) {
        err_set(err, ERR_UNSUPPORTED, "'%s' has no classifier", m->path);
        return 0;
    }
    return m->net.spec.n_labels;
}

const char *model_label(const struct model *m, uint32_t i) {
    char key[16];
    snprintf(key, sizeof key, "%u", i);
    const json_t *names = json_object_get(m->source.config, "id2label");
    const char *name = json_get_string(names, key, NULL);
    return name ? name : m->labels + (size_t)i * LABEL_NAME;
}

/* A cross-encoder's configuration may name the activation, by its class in torch. */
static enum squash squash_choose(const struct model *m, uint32_t labels) {
    const json_t *config = m->source.config;
    const char *named = json_get_string(json_object_get(config, "sentence_transformers"),
        "activation_fn", json_get_string(config, "sbert_ce_default_activation_function", ""));
    if (strstr(named, "Identity"))
        return SQUASH_NONE;
    if (strstr(named, "Sigmoid"))
        return SQUASH_SIGMOID;
    return labels == 1 || m->net.spec.classifier.many ? SQUASH_SIGMOID : SQUASH_SOFTMAX;
}

static void squash(enum squash how, const float *logits, uint32_t n, float *scores) {
    double sum = 0, max = -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        max = fmax(max, (double)logits[i]);
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - max);
    for (uint32_t i = 0; i < n; i++) {
        double x = (double)logits[i];
        scores[i] = (float)(how == SQUASH_SOFTMAX   ? exp(x - max) / sum
                            : how == SQUASH_SIGMOID ? 1 / (1 + exp(-x))
                                                    : x);
    }
}

/* ---- requests to ids ---- */

static bool item_add(struct classifying *c, size_t request, const struct token_list *ids,
    const struct token_list *types, struct err *err) {
    const struct model *m = c->model;
    uint32_t n_types = m->net.spec.n_token_types;
    if (!model_pass_check(m, "to classify", ids->ids, ids->n, err))
        return false;
    int32_t *kept = arena_alloc(&c->arena, ids->n * sizeof *kept);
    memcpy(kept, ids->ids, ids->n * sizeof *kept);
    uint8_t *kept_types = types && types->n && n_types > 1 ? arena_alloc(&c->arena, ids->n) : NULL;
    for (size_t i = 0; kept_types && i < ids->n; i++)
        kept_types[i] = (uint8_t)types->ids[i];
    c->items[c->n++] = (struct item) {
        .ids = kept, .types = kept_types, .n = (uint32_t)ids->n, .request = request
    };
    c->requests[request].n_asked = (uint32_t)ids->n;
    return true;
}

static bool pair_add(struct classifying *c, size_t i, struct classify_request *r) {
    struct token_list ids = { 0 }, types = { 0 };
    const struct join_text texts[2] = { { r->text, r->text_n }, { r->pair, r->pair_n } };
    bool ok = tokenizer_join(c->model->tokenizer, texts, length_of_texts(c->model), &ids, &types,
                  &r->truncated, &r->err) &&
              item_add(c, i, &ids, &types, &r->err);
    token_list_release(&ids);
    token_list_release(&types);
    return ok;
}

static bool text_add(struct classifying *c, size_t i, struct classify_request *r) {
    struct embed_request one = { .text = r->text, .text_n = r->text_n };
    struct token_list ids = { 0 };
    bool ok = model_text_ids(c->model, &one, &ids, &r->err) && item_add(c, i, &ids, NULL, &r->err);
    r->truncated = one.truncated;
    token_list_release(&ids);
    return ok;
}

/* False only where no text can be encoded at all. */
static bool request_add(struct classifying *c, size_t i, struct err *err) {
    struct classify_request *r = &c->requests[i];
    r->err = (struct err)ERR_INIT;
    r->truncated = false;
    r->n_asked = 0;
    if (r->text && !model_text(c->model, err))
        return false;
    bool ok;
    if (!r->text) {
        union { /* a list that is only read */
            const int32_t *in;
            int32_t *out;
        } ids = { .in = r->ids };
        ok = item_add(c, i, &(struct token_list) { .ids = ids.out, .n = r->n_ids }, NULL, &r->err);
    } else {
        ok = r->pair ? pair_add(c, i, r) : text_add(c, i, r);
    }
    if (ok) {
        c->n_tokens += r->n_asked;
        c->n_pairs += (double)r->n_asked * r->n_asked;
    }
    return true;
}

/* ---- ids to classes ---- */

static int by_length(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->request > y->request) - (x->request < y->request);
}

/* Rows that pooling looks at: all, or the first or last alone. */
static void step_take(struct classifying *c, struct step *step, const struct item *item) {
    enum pooling pooling = c->model->net.spec.classifier.pooling;
    uint32_t one = pooling == POOL_LAST ? item->n - 1 : 0;
    struct step_part part = { .ids = item->ids,
        .types = item->types,
        .n = item->n,
        .slot = (uint32_t)step->n,
        .whole = !c->model->net.spec.causal,
        .reads = &one,
        .n_reads = pooling != POOL_MEAN };
    step_add(step, &part);
}

static void answer_give(struct classifying *c, size_t request, const float *logits) {
    bool finite = true;
    for (uint32_t i = 0; i < c->labels; i++)
        finite = finite && isfinite(logits[i]);
    if (!finite) {
        err_set(&c->requests[request].err, ERR_NUMERIC,
            "the logits hold NaN or infinity, as the model's weights or activations do");
        return;
    }
    size_t at = request * c->labels;
    memcpy(c->logits + at, logits, c->labels * sizeof *logits);
    squash(c->squash, logits, c->labels, c->scores + at);
}

/* Items [first, first + n_segments) are in the step. */
static void step_classify(struct classifying *c, struct step *step, size_t first) {
    struct net *net = &c->model->net;
    struct step_view view = step_view(step);
    enum pooling pooling = net->spec.classifier.pooling;
    uint32_t n = view.n_segments;
    struct segment *segments = xcalloc(n, sizeof *segments);
    float *logits = xcalloc((size_t)n * c->labels, sizeof *logits);
    for (uint32_t i = 0; i < n; i++)
        segments[i] =
            pooling == POOL_MEAN ? view.segments[i] : (struct segment) { .row = i, .n = 1 };
    view.n_reads = view.n_reads ? view.n_reads : view.n;
    struct rows x = net_forward_hidden(net, &view), pooled = { .buf = net->pooled, .n = n };
    net_classify_rows(net, x);
    net->backend->ops->pool(net->backend, pooling, x, segments, n, pooled);
    net_classify(net, n, logits);
    for (uint32_t i = 0; i < n; i++)
        answer_give(c, c->items[first + i].request, logits + (size_t)i * c->labels);
    free(segments);
    free(logits);
}

static bool classify_run(struct classifying *c, struct err *err) {
    struct net *net = &c->model->net;
    struct sched_run run = { .options = c->run, .total = c->n_tokens };
    struct step step = { 0 };
    size_t first = 0;
    uint64_t rows = c->n_tokens < net->n_rows ? c->n_tokens : net->n_rows;
    qsort(c->items, c->n, sizeof *c->items, by_length);
    bool ok = net_reserve_slots(net, (uint32_t)rows, err);
    for (size_t i = 0; ok && i <= c->n; i++) {
        const struct item *item = i < c->n ? &c->items[i] : NULL;
        uint32_t before = step.n > 0 ? c->items[first].n : 0;
        bool turns = item && step.n > 0 &&
                     rope_class(&net->spec.rope, item->n) != rope_class(&net->spec.rope, before);
        if (step.n > 0 && (!item || turns || step.n + item->n > net->n_rows)) {
            net_set_length(net, before);
            step_classify(c, &step, first);
            ok = sched_progress(&run, step.n, err);
            step_reset(&step);
            first = i;
        }
        if (ok && item)
            step_take(c, &step, item);
    }
    step_release(&step);
    return ok;
}

static void stats_add(struct run_stats *stats, const struct classifying *c, uint64_t filled) {
    struct net *net = &c->model->net;
    uint64_t slots = c->n_tokens < net->n_rows ? c->n_tokens : net->n_rows;
    uint64_t bytes =
        net->weight_bytes + net->n_rows * net_row_bytes(net) + slots * net_slot_bytes(net);
    stats->tokens_asked += c->n_tokens;
    stats->tokens_computed += c->n_tokens;
    stats->rows_filled += net->backend->ops->rows_filled(net->backend) - filled;
    stats->memory_bytes = bytes > stats->memory_bytes ? bytes : stats->memory_bytes;
    stats->flops += net_token_flops(net_whole(net)) * (double)c->n_tokens +
                    net_pair_flops(net_whole(net)) * c->n_pairs;
}

bool model_classify(struct model *m, struct classify_request *requests, size_t n, float *logits,
    float *scores, const struct run_options *run, struct err *err) {
    double start = model_clock();
    struct classifying c = {
        .model = m, .requests = requests, .logits = logits, .scores = scores, .run = run
    };
    uint64_t filled = m->net.backend->ops->rows_filled(m->net.backend);
    c.labels = model_labels(m, err);
    c.squash = squash_choose(m, c.labels);
    c.items = xcalloc(n ? n : 1, sizeof *c.items);
    bool ok = c.labels > 0 && model_can_run(m, run, err);
    for (size_t i = 0; ok && i < n; i++)
        ok = request_add(&c, i, err);
    ok = ok && (c.n == 0 || (run && run->plan_only) || classify_run(&c, err));
    if (ok && run && run->stats)
        stats_add(run->stats, &c, filled);
    if (run && run->stats) {
        run->stats->items += n;
        run->stats->seconds += model_clock() - start;
    }
    free(c.items);
    arena_release(&c.arena);
    return ok;
}
