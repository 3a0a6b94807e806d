/* model_embed: texts become token ids, equal ids one segment, segments of similar length steps
 * without padding, and pooled rows vectors: through the model's own modules, or as the options say.
 */
#include <math.h>
#include <string.h>

#include "harness/model/model.h"
#include "harness/model/sched.h"

/* How this call pools, and what happens to a pooled vector. */
struct recipe {
    enum pooling poolings[POOLINGS_MAX];
    uint32_t n_poolings, pooled_width;
    const struct modules *chain; /* NULL: none */
    bool normalize;     /* the chain's Normalize; without a chain, the vector after the cut */
    uint32_t width;     /* of the result */
    const char *prompt; /* put before texts; "" for none */
    bool exclude_prompt;
};

/* One distinct list of ids. */
struct passage {
    const int32_t *ids;
    uint32_t n, skip; /* skip: tokens of the prompt that are not pooled */
    size_t request;
    size_t leader; /* index of the passage with the same ids that is computed */
};

/* What a thread encodes with, and where the ids that it made stay. */
struct encoder {
    struct token_list list;
    struct arena ids;
};

/* Texts of a step whose pooled rows are on their way from the device. */
struct batch {
    size_t *leaders; /* [n] */
    uint32_t n;
    float *pooled; /* [poolings, n, hidden width] */
};

struct embedder {
    struct model *model;
    struct recipe recipe;
    struct encoder *encoders; /* one a thread */
    struct passage *passages; /* of requests that can be embedded, in their order */
    size_t n;
    uint32_t prompt_tokens;
    struct batch batch;
    const struct run_options *run;
    struct embed_request *requests;
    float *vectors; /* [requests, width], the caller's */
};

/* ---- what to do ---- */

static bool pooling_choose(
    const struct model *m, enum pooling asked, struct recipe *r, struct err *err) {
    if (asked != POOL_AUTO) {
        r->poolings[r->n_poolings++] = asked;
        return true;
    }
    if (!m->modules.present && m->net.spec.pooling != POOL_AUTO) {
        r->poolings[r->n_poolings++] = m->net.spec.pooling;
        return true;
    }
    if (!m->modules.present) {
        err_set(err, ERR_INPUT, "'%s' does not say how to pool: it has no modules.json", m->path);
        return err_hint(err, "say how: --pooling mean, cls, last or max");
    }
    memcpy(r->poolings, m->modules.poolings, sizeof r->poolings);
    r->n_poolings = m->modules.n_poolings;
    r->chain = &m->modules;
    r->exclude_prompt = m->modules.exclude_prompt;
    return true;
}

static bool prompt_refuse(const struct model *m, const char *name, struct err *err) {
    struct strbuf known = { 0 };
    const char *key;
    json_t *text;
    err_set(err, ERR_INPUT, "'%s' has no prompt '%.64s'", m->path, name);
    json_object_foreach(m->modules.prompts, key, text)
        strbuf_addf(&known, "%s%.32s", known.len ? ", " : "", key);
    err_hint(err,
        known.len ? "it has %.180s; --prompt-text takes any text"
                  : "its files name none%s; --prompt-text takes any text",
        strbuf_str(&known));
    strbuf_release(&known);
    return false;
}

static bool prompt_choose(
    const struct model *m, const struct embed_options *o, struct recipe *r, struct err *err) {
    const char *name = o->prompt_name ? o->prompt_name : m->modules.default_prompt;
    r->prompt = o->prompt_text ? o->prompt_text : "";
    if (o->prompt_text || !name)
        return true;
    r->prompt = json_get_string(m->modules.prompts, name, NULL);
    return r->prompt || prompt_refuse(m, name, err);
}

static bool recipe_make(
    const struct model *m, const struct embed_options *o, struct recipe *r, struct err *err) {
    *r = (struct recipe) { .normalize = !o->no_normalize };
    if (!pooling_choose(m, o->pooling, r, err) || !prompt_choose(m, o, r, err))
        return false;
    r->pooled_width = r->n_poolings * spec_hidden_width(&m->net.spec);
    uint32_t whole = r->chain ? modules_width(r->chain, r->pooled_width) : r->pooled_width;
    uint32_t dim = o->dim ? o->dim : m->modules.truncate_dim;
    if (o->dim > whole)
        return err_set(err, ERR_INPUT, "vectors have %u numbers, %u were asked for", whole, o->dim);
    r->width = dim > 0 && dim < whole ? dim : whole;
    return true;
}

uint32_t model_embed_width(
    const struct model *m, const struct embed_options *options, struct err *err) {
    struct recipe r;
    return recipe_make(m, options, &r, err) ? r.width : 0;
}

struct model_prompts model_prompts(const struct model *m) {
    return (struct model_prompts) { m->modules.prompts, m->modules.default_prompt };
}

/* ---- texts to ids ---- */

static bool text_ids(const struct embedder *e, struct embed_request *r, struct token_list *list) {
    const struct model *m = e->model;
    struct strbuf text = { 0 };
    const struct encode_options options = { .limit = length_of_texts(m) };
    strbuf_adds(&text, e->recipe.prompt);
    strbuf_add(&text, r->text, r->text_n);
    list->cut = false;
    bool ok = tokenizer_encode(m->tokenizer, strbuf_str(&text), text.len, &options, list, &r->err);
    r->truncated = list->cut;
    strbuf_release(&text);
    return ok;
}

/* How many tokens the prompt makes at the start of a text: without the closing special token. */
static bool prompt_measure(struct embedder *e, struct err *err) {
    if (!e->recipe.exclude_prompt || !*e->recipe.prompt || !e->model->tokenizer)
        return true;
    struct token_list with = { 0 }, bare = { 0 };
    const char *prompt = e->recipe.prompt;
    size_t n = strlen(prompt);
    bool ok = tokenizer_encode(
                  e->model->tokenizer, prompt, n, &(struct encode_options) { 0 }, &with, err) &&
              tokenizer_encode(e->model->tokenizer, prompt, n,
                  &(struct encode_options) { .no_special = true }, &bare, err);
    if (ok) {
        e->prompt_tokens = (uint32_t)with.n;
        bool closed = with.n > 0 && (bare.n == 0 || with.ids[with.n - 1] != bare.ids[bare.n - 1]);
        e->prompt_tokens -= closed;
    }
    token_list_release(&with);
    token_list_release(&bare);
    return ok;
}

static const int32_t *ids_keep(struct arena *arena, const int32_t *ids, size_t n) {
    int32_t *kept = arena_alloc(arena, n * sizeof *kept);
    memcpy(kept, ids, n * sizeof *kept);
    return kept;
}

/* The request's passage; of no tokens where it can't be embedded: its err says why. */
static void passage_make(const struct embedder *e, struct encoder *c, size_t i) {
    struct embed_request *r = &e->requests[i];
    struct passage *p = &e->passages[i];
    r->err = (struct err)ERR_INIT;
    r->truncated = false;
    r->n_asked = 0;
    *p = (struct passage) { .request = i };
    token_list_reset(&c->list);
    if (r->text && !text_ids(e, r, &c->list))
        return;
    const int32_t *ids = r->text ? c->list.ids : r->ids;
    size_t n = r->text ? c->list.n : r->n_ids;
    if (!model_pass_check(e->model, "to embed", ids, n, &r->err))
        return;
    p->n = r->n_asked = (uint32_t)n;
    p->skip = r->text && e->prompt_tokens < n ? e->prompt_tokens : 0;
    p->ids = ids_keep(&c->ids, ids, n);
}

enum { PASSAGES_A_PART = 16 };

static void passages_part(void *arg, unsigned thread, size_t part) {
    const struct embedder *e = arg;
    size_t from = part * PASSAGES_A_PART;
    for (size_t i = from; i < from + PASSAGES_A_PART && i < e->n; i++)
        passage_make(e, &e->encoders[thread], i);
}

static bool any_text(const struct embedder *e) {
    for (size_t i = 0; i < e->n; i++)
        if (e->requests[i].text)
            return true;
    return false;
}

/* False only where no text can be encoded at all; what is wrong with one request is in its err. */
static bool passages_make(struct embedder *e, size_t n, struct err *err) {
    e->n = n;
    if (any_text(e) && !model_text(e->model, err))
        return false;
    model_share(e->model, (n + PASSAGES_A_PART - 1) / PASSAGES_A_PART, passages_part, e);
    e->n = 0;
    for (size_t i = 0; i < n; i++)
        if (e->passages[i].n > 0)
            e->passages[e->n++] = e->passages[i];
    return true;
}

/* ---- ids to vectors ---- */

/* Long ones first; equal ones side by side. */
static int by_length(const void *a, const void *b) {
    const struct passage *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    int order = memcmp(x->ids, y->ids, x->n * sizeof *x->ids);
    if (order == 0 && x->skip != y->skip)
        order = x->skip < y->skip ? -1 : 1;
    return order ? order : (x->request > y->request) - (x->request < y->request);
}

static bool same_ids(const struct passage *x, const struct passage *y) {
    return x->n == y->n && x->skip == y->skip && memcmp(x->ids, y->ids, x->n * sizeof *x->ids) == 0;
}

/* Sums over distinct passages and over all of them. */
struct embed_counts {
    uint64_t asked, computed;
    double pairs;
    uint64_t longest_step; /* rows of the largest step that they can fill */
};

static struct embed_counts passages_unite(struct embedder *e, bool share) {
    struct embed_counts counts = { 0 };
    qsort(e->passages, e->n, sizeof *e->passages, by_length);
    for (size_t i = 0; i < e->n; i++) {
        struct passage *p = &e->passages[i];
        p->leader = share && i > 0 && same_ids(p, p - 1) ? (p - 1)->leader : i;
        counts.asked += p->n;
        if (p->leader == i) {
            counts.computed += p->n;
            counts.pairs += (double)p->n * p->n;
        }
    }
    counts.longest_step =
        counts.computed < e->model->net.n_rows ? counts.computed : e->model->net.n_rows;
    return counts;
}

static bool all_finite(const float *x, uint32_t n) {
    bool finite = true;
    for (uint32_t i = 0; i < n; i++)
        finite = finite && isfinite(x[i]);
    return finite;
}

/* A vector to every request that asked for it. */
static bool vector_give(struct embedder *e, size_t leader, const float *x, struct err *err) {
    const struct run_options *run = e->run;
    uint32_t width = e->recipe.width;
    bool finite = all_finite(x, width);
    for (size_t i = leader; i < e->n && e->passages[i].leader == leader; i++) {
        size_t request = e->passages[i].request;
        if (!finite) {
            err_set(&e->requests[request].err, ERR_NUMERIC,
                "the vector holds NaN or infinity, as the model's weights or activations do");
            continue;
        }
        memcpy(e->vectors + request * width, x, width * sizeof *x);
        if (run && run->answered && !run->answered(request, run->answered_arg))
            return err_set(err, ERR_INTERRUPTED, "stopped");
    }
    return true;
}

/* A pooled row becomes a vector. `room` holds the widest vector of the chain, twice. */
static bool vector_finish(
    struct embedder *e, size_t leader, float *room, uint32_t widest, struct err *err) {
    const struct recipe *r = &e->recipe;
    uint32_t n = r->pooled_width;
    if (r->chain)
        n = modules_apply(r->chain, r->normalize, room, n, room + widest);
    BUG_IF(n < r->width);
    if (!r->chain && r->normalize)
        vector_normalize(room, r->width);
    return vector_give(e, leader, room, err);
}

/* The rows of a text that pooling looks at, as offsets: all behind what is skipped, or, where it
 * takes the first or the last alone, just these. NULL stands for all rows. */
static const uint32_t *rows_needed(
    const struct recipe *r, const struct passage *p, uint32_t room[2], size_t *n) {
    bool first = false, last = false;
    *n = 0;
    for (uint32_t i = 0; i < r->n_poolings; i++) {
        first = first || r->poolings[i] == POOL_CLS;
        last = last || r->poolings[i] == POOL_LAST;
        if (r->poolings[i] != POOL_CLS && r->poolings[i] != POOL_LAST)
            return NULL;
    }
    if (first)
        room[(*n)++] = p->skip;
    if (last && !(first && p->skip == p->n - 1))
        room[(*n)++] = p->n - 1;
    return room;
}

/* Segments of what the step gives, as pooling sees them. */
static void pooled_segments(const struct embedder *e, const struct step_view *view,
    const size_t *leaders, struct segment *out) {
    uint32_t row = 0, room[2];
    size_t n;
    for (uint32_t i = 0; i < view->n_segments; i++) {
        const struct passage *p = &e->passages[leaders[i]];
        out[i] = view->segments[i];
        if (rows_needed(&e->recipe, p, room, &n)) {
            out[i].row = row;
            out[i].n = (uint32_t)n;
            row += (uint32_t)n;
        } else {
            out[i].row += p->skip;
            out[i].n -= p->skip;
        }
    }
}

static void passage_step(const struct embedder *e, struct step *step, const struct passage *p) {
    uint32_t room[2];
    struct step_part part = {
        .ids = p->ids, .n = p->n, .slot = (uint32_t)step->n, .whole = !e->model->net.spec.causal
    };
    part.reads = rows_needed(&e->recipe, p, room, &part.n_reads);
    step_add(step, &part);
}

/* ---- steps ---- */

static void batch_release(struct embedder *e) {
    const struct backend *b = e->model->net.backend;
    if (e->batch.n > 0 && b->ops->settle)
        b->ops->settle(e->model->net.backend); /* nobody writes there any more */
    free(e->batch.leaders);
    free(e->batch.pooled);
    e->batch = (struct batch) { 0 };
}

static void batch_begin(
    struct embedder *e, const struct step_view *view, const size_t *leaders, struct rows x) {
    struct net *net = &e->model->net;
    const struct backend_ops *ops = net->backend->ops;
    const struct recipe *r = &e->recipe;
    uint32_t n = view->n_segments, c = spec_hidden_width(&net->spec);
    struct segment *segments = xcalloc(n, sizeof *segments);
    struct rows out = { .buf = net->pooled, .n = n };
    e->batch = (struct batch) { .n = n,
        .leaders = xcalloc(n, sizeof *leaders),
        .pooled = xcalloc((size_t)n * r->pooled_width, sizeof(float)) };
    memcpy(e->batch.leaders, leaders, n * sizeof *leaders);
    pooled_segments(e, view, leaders, segments);
    for (uint32_t p = 0; p < r->n_poolings; p++) {
        ops->pool(net->backend, r->poolings[p], x, segments, n, out);
        (ops->fetch ? ops->fetch : ops->download)(
            net->backend, out, e->batch.pooled + (size_t)p * n * c);
    }
    free(segments);
}

/* What the step gave becomes vectors. */
static bool batch_finish(struct embedder *e, struct err *err) {
    struct net *net = &e->model->net;
    const struct recipe *r = &e->recipe;
    const struct batch *b = &e->batch;
    uint32_t c = spec_hidden_width(&net->spec);
    uint32_t widest = r->chain ? modules_widest(r->chain, r->pooled_width) : r->pooled_width;
    float *room = xcalloc((size_t)widest * 2, sizeof *room);
    bool ok = true;
    if (b->n > 0 && net->backend->ops->settle)
        net->backend->ops->settle(net->backend);
    for (uint32_t i = 0; ok && i < b->n; i++) {
        for (uint32_t p = 0; p < r->n_poolings; p++)
            memcpy(room + (size_t)p * c, b->pooled + ((size_t)p * b->n + i) * c, c * sizeof *room);
        ok = vector_finish(e, b->leaders[i], room, widest, err);
    }
    free(room);
    batch_release(e);
    return ok;
}

/* While a device works on the step, the host finishes the one before. */
static bool step_embed(
    struct embedder *e, struct step *step, const size_t *leaders, struct err *err) {
    struct net *net = &e->model->net;
    struct step_view view = step_view(step);
    view.n_reads = view.n_reads ? view.n_reads : view.n;
    struct rows x = net_forward_hidden(net, &view);
    if (!batch_finish(e, err))
        return false;
    batch_begin(e, &view, leaders, x);
    return net->backend->ops->fetch || batch_finish(e, err);
}

/* A decoder has rows for its longest text, but steps of that size would only take memory: a text
 * that is longer than this has a step for itself. */
static uint32_t step_rows_most(const struct model *m) {
    uint32_t rows = model_step_rows(m);
    return m->net.spec.causal && m->net.n_rows > rows ? rows : m->net.n_rows;
}

/* Passages are whole segments: one that doesn't fit into the rest of a step begins the next. */
static bool embed_run(struct embedder *e, const struct embed_counts *counts, struct err *err) {
    struct net *net = &e->model->net;
    struct sched_run run = { .options = e->run, .total = counts->computed };
    struct step step = { 0 };
    size_t *leaders = xcalloc(net->n_rows, sizeof *leaders);
    uint32_t length_class = 0; /* of the step at hand */
    uint32_t most = step_rows_most(e->model);
    bool ok = net_reserve_slots(net, (uint32_t)counts->longest_step, err);
    for (size_t i = 0; ok && i <= e->n; i++) {
        const struct passage *p = i < e->n ? &e->passages[i] : NULL;
        if (p && p->leader != i)
            continue;
        uint32_t class = p ? rope_class(&net->spec.rope, p->n) : length_class;
        if (step.n > 0 && (!p || step.n + p->n > most || class != length_class)) {
            ok = step_embed(e, &step, leaders, err) && sched_progress(&run, step.n, err);
            step_reset(&step);
        }
        length_class = class;
        net_set_length(net, class);
        if (ok && p) {
            leaders[step.segments.n] = i;
            passage_step(e, &step, p);
        }
    }
    ok = ok && batch_finish(e, err);
    batch_release(e);
    step_release(&step);
    free(leaders);
    return ok;
}

static void stats_add(
    struct run_stats *stats, struct net *net, const struct embed_counts *counts, uint64_t filled) {
    uint64_t bytes = net->weight_bytes + net->n_rows * net_row_bytes(net) +
                     counts->longest_step * net_slot_bytes(net);
    stats->tokens_asked += counts->asked;
    stats->tokens_computed += counts->computed;
    stats->rows_filled += net->backend->ops->rows_filled(net->backend) - filled;
    stats->memory_bytes = bytes > stats->memory_bytes ? bytes : stats->memory_bytes;
    stats->flops += net_token_flops(net_whole(net)) * (double)counts->computed +
                    net_pair_flops(net_whole(net)) * counts->pairs;
}

bool model_embed(struct model *m, const struct embed_options *options,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    double start = model_clock();
    struct embedder e = { .model = m, .run = run, .requests = requests, .vectors = vectors };
    uint64_t filled = m->net.backend->ops->rows_filled(m->net.backend);
    e.passages = xcalloc(n ? n : 1, sizeof *e.passages);
    e.encoders = xcalloc(model_threads(m), sizeof *e.encoders);
    bool ok = model_can_run(m, run, err) && recipe_make(m, options, &e.recipe, err) &&
              prompt_measure(&e, err) && passages_make(&e, n, err);
    if (ok) {
        struct embed_counts counts = passages_unite(&e, !(run && run->no_prefix_sharing));
        ok = (run && run->plan_only) || embed_run(&e, &counts, err);
        if (ok && run && run->stats)
            stats_add(run->stats, &m->net, &counts, filled);
    }
    for (unsigned t = 0; t < model_threads(m); t++) {
        token_list_release(&e.encoders[t].list);
        arena_release(&e.encoders[t].ids);
    }
    free(e.encoders);
    free(e.passages);
    if (run && run->stats) {
        run->stats->items += n;
        run->stats->seconds += model_clock() - start;
    }
    return ok;
}

bool model_text_ids(
    struct model *m, struct embed_request *r, struct token_list *list, struct err *err) {
    struct embedder e = { .model = m, .recipe = { .prompt = "" } };
    r->err = (struct err)ERR_INIT;
    bool ok = text_ids(&e, r, list);
    if (!ok)
        *err = r->err;
    return ok;
}

bool model_embed_tokens(struct model *m, const struct embed_options *options,
    struct embed_request *request, struct token_list *out, struct err *err) {
    struct embedder e = { .model = m };
    if (!model_text(m, err) || !recipe_make(m, options, &e.recipe, err))
        return false;
    request->err = (struct err)ERR_INIT;
    bool ok = text_ids(&e, request, out);
    if (!ok)
        *err = request->err;
    return ok;
}
