/* model_generate: prompts are walked as one prefix tree, and each prompt that is through becomes a
 * lane, which feeds its own last token in every step from then on. Lanes and prompts still to come
 * share steps.
 *
 * Lanes grow, so slots can run out. The youngest lane is spilled then: its slots are given back,
 * and it later feeds all its tokens again. Because no number depends on how a sequence was cut into
 * steps, a spill changes no text. */
#include <string.h>

#include "harness/model/choose.h"
#include "harness/model/pair.h"
#include "harness/model/sched.h"

enum {
    LANES_AT_ONCE = 64, /* prompts are taken in until so many lanes run */
    MAX_TOKENS_DEFAULT = 256,
    LOGIT_ROWS = 8,        /* rows of logits on the host at a time */
    SLOTS_KEPT_A_LANE = 8, /* free slots that new prompts leave to lanes */
};

/* One request on its way: tokens [0, path.n_tokens) have keys and values, the rest is to be fed. */
struct lane {
    struct generate_request *request;
    int32_t *ids; /* prompt, then what was generated */
    uint32_t n, n_prompt;
    struct slot_path path;
    bool ended;
};

/* A lane that reads a row of the step at hand. */
struct lane_read {
    uint32_t row;
    size_t lane;
};

struct generator {
    struct model *model;
    const struct generate_options *options;
    uint32_t max_tokens;
    struct pair_rule rule;
    struct arena ids;
    struct tree_sequence *sequences;
    struct generate_request **by_sink; /* request of each sequence */
    size_t n_sequences;

    struct lane *lanes;
    size_t n_lanes, lanes_capacity;
    struct lane_read *reads;
    size_t n_reads, reads_capacity;
    struct slots slots;
    struct step step;
    struct walk walk;
    float *logits;                        /* [LOGIT_ROWS, V] */
    const struct generate_request *first; /* of the caller's list */
    const struct run_options *run;
    bool interrupted; /* by the caller's `answered` */
    uint64_t n_asked, n_computed, n_logit_rows;
    double n_pairs;
};

/* ---- prompts ---- */

/* Room for what is generated comes first: the prompt is cut from the left. */
static bool prompt_add(struct generator *g, struct generate_request *r, const int32_t *ids,
    size_t n, struct err *err) {
    uint32_t longest = g->model->info.max_length - g->max_tokens;
    if (n == 0)
        return err_set(err, ERR_INPUT, "the prompt has no tokens");
    if (!model_ids_check(g->model, ids, n, err))
        return false;
    size_t cut = n > longest ? n - longest : 0;
    r->n_truncated = (uint32_t)cut;
    r->n_asked = n - cut;
    int32_t *kept = arena_alloc(&g->ids, (n - cut + 1) * sizeof *kept);
    memcpy(kept, ids + cut, (n - cut) * sizeof *kept);
    g->by_sink[g->n_sequences] = r;
    g->sequences[g->n_sequences] = (struct tree_sequence) {
        .ids = kept,
        .n = (uint32_t)(n - cut),
        .first_read = (uint32_t)(n - cut) - 1,
        .sink = g->n_sequences,
        .length_class =
            rope_class(&g->model->net.spec.rope, (uint32_t)(n - cut) + g->max_tokens - 1),
    };
    g->n_sequences++;
    return true;
}

static bool request_add(struct generator *g, struct generate_request *r, struct err *err) {
    struct token_list list = { 0 };
    bool ok = r->prompt ? pair_encode(&g->rule, r->prompt, r->prompt_n, &list, err) &&
                              prompt_add(g, r, list.ids, list.n, err)
                        : prompt_add(g, r, r->prompt_ids, r->n_prompt_ids, err);
    token_list_release(&list);
    return ok;
}

static bool requests_add(
    struct generator *g, struct generate_request *requests, size_t n, struct err *err) {
    g->sequences = xcalloc(n ? n : 1, sizeof *g->sequences);
    g->by_sink = xcalloc(n ? n : 1, sizeof(struct generate_request *));
    for (size_t i = 0; i < n; i++) {
        if (requests[i].prompt && !model_text(g->model, err))
            return false;
        if (!request_add(g, &requests[i], &requests[i].err))
            continue; /* that request has its error; the others go on */
    }
    return true;
}

/* ---- lanes ---- */

static void lane_release(struct generator *g, struct lane *lane) {
    slot_path_cut(&lane->path, 0, &g->slots, NULL);
    slot_path_release(&lane->path);
    free(lane->ids);
    *lane = (struct lane) { 0 };
}

static void read_add(struct generator *g, uint32_t row, size_t lane) {
    mem_grow(&g->reads, &g->reads_capacity, g->n_reads + 1, sizeof *g->reads);
    g->reads[g->n_reads++] = (struct lane_read) { .row = row, .lane = lane };
}

/* A prompt's last token has been put into the step: its lane begins by reading that row. */
static void lane_begin(void *arg, const struct walk_read *read) {
    struct generator *g = arg;
    const uint32_t n = read->read->position + 1;
    mem_grow(&g->lanes, &g->lanes_capacity, g->n_lanes + 1, sizeof *g->lanes);
    struct lane *lane = &g->lanes[g->n_lanes];
    *lane = (struct lane) { .request = g->by_sink[read->read->sink], .n = n, .n_prompt = n };
    lane->ids = xcalloc((size_t)n + g->max_tokens, sizeof *lane->ids);
    const struct tree_sequence *s = &g->walk.tree->sequences[g->walk.next];
    memcpy(lane->ids, s->ids, n * sizeof *lane->ids);
    slot_path_copy(&lane->path, read->path, &g->slots);
    slot_path_cut(&lane->path, n, &g->slots, NULL);
    read_add(g, read->row, g->n_lanes++);
    g->n_asked += n;
}

/* Spills the youngest lane that holds slots and stands after `lane`; slots of the step at hand
 * stay. */
static bool spill_after(struct generator *g, size_t lane) {
    for (size_t i = g->n_lanes; i-- > lane + 1;) {
        if (g->lanes[i].path.n_tokens > 0) {
            slot_path_cut(&g->lanes[i].path, 0, &g->slots, NULL);
            return true;
        }
    }
    return false;
}

/* The oldest lane always goes on. A spilled one comes back when there is room for it and for the
 * others. */
static bool may_feed(const struct generator *g, size_t i) {
    return i == 0 || g->lanes[i].path.n_tokens > 0 ||
           g->slots.n_free >= g->lanes[i].n + SLOTS_KEPT_A_LANE * g->n_lanes;
}

static bool lane_feed(struct generator *g, size_t i, uint32_t room) {
    struct lane *lane = &g->lanes[i];
    uint32_t at = lane->path.n_tokens, want = lane->n - at < room ? lane->n - at : room;
    struct kv_span span = slots_take(&g->slots, want);
    while (span.n == 0 && spill_after(g, i))
        span = slots_take(&g->slots, want);
    if (span.n == 0)
        return false;
    bool reads = at + span.n == lane->n;
    uint32_t last = span.n - 1, row = (uint32_t)g->step.n_reads;
    step_add(&g->step, &(struct step_part) {
                           .ids = lane->ids + at,
                           .n = span.n,
                           .position = at,
                           .slot = span.slot,
                           .ancestors = lane->path.spans,
                           .n_ancestors = lane->path.n,
                           .reads = &last,
                           .n_reads = reads,
                       });
    slot_path_push(&lane->path, span);
    if (reads)
        read_add(g, row, i);
    return true;
}

/* Fills a step: lanes first, then prompts. Lanes are fed oldest first, so that only lanes after the
 * one at hand, which have no rows in this step yet, are ever spilled. */
static void step_fill(struct generator *g) {
    uint32_t rows = g->model->net.n_rows;
    step_reset(&g->step);
    g->n_reads = 0;
    for (size_t i = 0; i < g->n_lanes && g->step.n < rows; i++)
        if (may_feed(g, i))
            lane_feed(g, i, rows - (uint32_t)g->step.n);
    size_t kept = SLOTS_KEPT_A_LANE * g->n_lanes;
    size_t room = g->slots.n_free > kept ? g->slots.n_free - kept : 0;
    if (room > rows - g->step.n)
        room = rows - g->step.n;
    bool turns = walk_turns(&g->walk) && g->n_lanes > 0; /* lanes of one class go first */
    if (g->n_lanes < LANES_AT_ONCE && room > 0 && !turns)
        walk_fill(&g->walk, &g->slots, &g->step, (uint32_t)room);
}

/* ---- choosing tokens ---- */

static int32_t choose(const struct generator *g, const struct lane *lane, const float *logits) {
    uint32_t n = g->model->info.n_vocab;
    const struct generate_options *o = g->options;
    uint64_t seed = choose_seed(o->seed, lane->request->draw);
    return o->temperature > 0 ? choose_drawn(logits, n, o->temperature, 1,
                                    choose_luck(seed, lane->n - lane->n_prompt))
                              : choose_best(logits, n);
}

/* ---- ending ---- */

/* Does a stop string stand in the text of the last tokens? */
static bool hits_stop(const struct generator *g, const struct lane *lane) {
    return choose_hits_stop(g->model->tokenizer, lane->ids + lane->n_prompt,
        lane->n - lane->n_prompt, lane->request->stop, lane->request->n_stop);
}

/* The text up to the first occurrence of each stop string, in their order. */
static bool text_make(const struct generator *g, struct generate_request *r, struct err *err) {
    struct strbuf text = { 0 };
    if (g->model->tokenizer &&
        !tokenizer_decode(g->model->tokenizer, r->ids, r->n_ids, true, &text, err)) {
        strbuf_release(&text);
        return false;
    }
    r->text = strbuf_take(&text);
    choose_cut(r->text, r->stop, r->n_stop);
    return true;
}

static void lane_end(struct generator *g, struct lane *lane, bool stopped) {
    struct generate_request *r = lane->request;
    r->n_asked += lane->n - lane->n_prompt;
    r->n_ids = lane->n - lane->n_prompt;
    r->ids = xcalloc(r->n_ids ? r->n_ids : 1, sizeof *r->ids);
    memcpy(r->ids, lane->ids + lane->n_prompt, r->n_ids * sizeof *r->ids);
    r->stopped = stopped;
    lane->ended = true;
    if (!text_make(g, r, &r->err)) {
        free(r->ids);
        r->ids = NULL;
        r->n_ids = 0;
    } else if (g->run && g->run->answered && !g->interrupted) {
        g->interrupted = !g->run->answered((size_t)(r - g->first), g->run->answered_arg);
    }
}

static void lane_advance(struct generator *g, struct lane *lane, const float *logits) {
    int32_t token = choose(g, lane, logits);
    if (token < 0) {
        err_set(&lane->request->err, ERR_NUMERIC,
            "logits are not finite: the model's weights or activations hold NaN or infinity");
        lane->ended = true;
        return;
    }
    if (!g->options->run_on && choose_is_end(&g->model->net.spec, token)) {
        lane_end(g, lane, true);
        return;
    }
    lane->ids[lane->n++] = token;
    bool stopped = hits_stop(g, lane);
    if (stopped || lane->n - lane->n_prompt == g->max_tokens)
        lane_end(g, lane, stopped);
    else
        g->n_asked++;
}

static void lanes_sweep(struct generator *g) {
    size_t kept = 0;
    for (size_t i = 0; i < g->n_lanes; i++) {
        if (g->lanes[i].ended)
            lane_release(g, &g->lanes[i]);
        else
            g->lanes[kept++] = g->lanes[i];
    }
    g->n_lanes = kept;
}

/* ---- the run ---- */

/* Reads are in the order of rows; several lanes may read one (equal prompts). */
static void step_read(struct generator *g, struct rows h) {
    struct net *net = &g->model->net;
    for (uint32_t row = 0, at = 0; row < h.n; row += LOGIT_ROWS) {
        uint32_t n = h.n - row < LOGIT_ROWS ? h.n - row : LOGIT_ROWS;
        struct rows part = { .buf = h.buf, .row = h.row + row, .n = n };
        net_logits(net, part, g->logits);
        for (; at < g->n_reads && g->reads[at].row < row + n; at++)
            lane_advance(g, &g->lanes[g->reads[at].lane],
                g->logits + (size_t)(g->reads[at].row - row) * net->spec.n_vocab);
    }
    g->n_logit_rows += h.n;
}

static void step_run(struct generator *g) {
    struct net *net = &g->model->net;
    struct step_view view = step_view(&g->step);
    net_set_length(net, g->walk.length_class);
    for (uint32_t i = 0; i < view.n; i++)
        g->n_pairs += view.positions[i] + 1.0;
    g->n_computed += view.n;
    if (view.n_reads > 0)
        step_read(g, net_forward_head(net, &view));
    else
        net_forward_keys(net, &view);
    walk_ran(&g->walk, &g->slots);
    if (walk_done(&g->walk))
        slot_path_cut(&g->walk.path, 0, &g->slots, NULL);
    lanes_sweep(g);
}

/* Slots for as many lanes as run at once, if memory allows; one lane beside the prompt at hand must
 * fit. */
static bool slots_make(struct generator *g, const struct tree *tree, struct err *err) {
    uint64_t one = 2 * (uint64_t)tree->depth + g->max_tokens + SLOTS_KEPT_A_LANE;
    uint64_t all = tree->n_rows + (uint64_t)tree->n_sequences * (g->max_tokens + SLOTS_KEPT_A_LANE);
    uint64_t want = one * LANES_AT_ONCE < all ? one * LANES_AT_ONCE : all;
    want = want > one ? want : one;
    uint64_t limit = g->model->max_slots;
    if (one > limit)
        return err_set(err, ERR_RESOURCE,
            "keys and values of %llu tokens do not fit: memory is for %llu",
            (unsigned long long)one, (unsigned long long)limit);
    slots_init(&g->slots, (uint32_t)(want < limit ? want : limit));
    return net_reserve_slots(&g->model->net, g->slots.n, err);
}

/* A plan: every text as long as it may become, fed a token at a time after its prompt. */
static void generator_plan(struct generator *g, const struct run_options *run) {
    struct tree tree;
    tree_build(&tree, g->sequences, g->n_sequences, !(run && run->no_prefix_sharing));
    g->sequences = NULL;
    uint64_t made = (uint64_t)tree.n_sequences * (g->max_tokens - 1);
    g->n_computed = tree.n_rows + made;
    g->n_logit_rows = (uint64_t)tree.n_sequences * g->max_tokens;
    g->n_pairs = (double)g->n_computed * 0.5 * (tree.depth + g->max_tokens);
    for (size_t i = 0; i < tree.n_sequences; i++)
        g->n_asked += tree.sequences[i].n + g->max_tokens - 1;
    tree_release(&tree);
}

static bool generator_run(struct generator *g, const struct run_options *run, struct err *err) {
    struct tree tree;
    tree_build(&tree, g->sequences, g->n_sequences, !(run && run->no_prefix_sharing));
    g->sequences = NULL; /* the tree's now */
    g->walk = (struct walk) { .tree = &tree, .on_read = lane_begin, .arg = g };
    struct sched_run progress = {
        .options = run,
        .total = tree.n_rows + (uint64_t)tree.n_sequences * g->max_tokens,
    };
    g->logits = xcalloc((size_t)LOGIT_ROWS * g->model->info.n_vocab, sizeof *g->logits);
    bool ok = tree.n_sequences == 0 || slots_make(g, &tree, err);
    while (ok && (!walk_done(&g->walk) || g->n_lanes > 0)) {
        step_fill(g);
        if (g->step.n == 0 && walk_done(&g->walk))
            continue;
        BUG_IF(g->step.n == 0);
        step_run(g);
        ok = sched_progress(&progress, g->step.n, err) &&
             (!g->interrupted || err_set(err, ERR_INTERRUPTED, "stopped"));
    }
    tree_release(&tree);
    return ok;
}

static void generator_release(struct generator *g) {
    for (size_t i = 0; i < g->n_lanes; i++)
        lane_release(g, &g->lanes[i]);
    pair_rule_release(&g->rule);
    arena_release(&g->ids);
    free(g->sequences);
    free(g->by_sink);
    free(g->lanes);
    free(g->reads);
    free(g->logits);
    walk_release(&g->walk);
    step_release(&g->step);
    slots_release(&g->slots);
}

static void stats_add(struct run_stats *stats, const struct generator *g, uint64_t filled) {
    const struct net *net = &g->model->net;
    stats->tokens_asked += g->n_asked;
    stats->tokens_computed += g->n_computed;
    stats->rows_filled += net->backend->ops->rows_filled(net->backend) - filled;
    uint64_t bytes = net->weight_bytes + net->n_rows * net_row_bytes(&g->model->net) +
                     g->slots.n * net_slot_bytes(net);
    stats->memory_bytes = bytes > stats->memory_bytes ? bytes : stats->memory_bytes;
    stats->flops += net_token_flops(net_whole(net)) * (double)g->n_computed +
                    net_pair_flops(net_whole(net)) * g->n_pairs +
                    net_logit_flops(net_whole(net)) * (double)g->n_logit_rows;
}

bool model_generate(struct model *m, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    double start = model_clock();
    uint64_t filled = m->net.backend->ops->rows_filled(m->net.backend);
    struct generator g = { .model = m, .options = options, .first = requests, .run = run };
    for (size_t i = 0; i < n; i++) { /* what the caller frees is valid however this ends */
        requests[i].err = (struct err)ERR_INIT;
        requests[i].text = NULL;
        requests[i].ids = NULL;
        requests[i].n_ids = 0;
        requests[i].stopped = false;
        requests[i].n_truncated = 0;
        requests[i].n_asked = 0;
    }
    g.max_tokens = options->max_tokens ? options->max_tokens : MAX_TOKENS_DEFAULT;
    if (!m->info.causal)
        return err_set(err, ERR_UNSUPPORTED,
            m->decoder
                ? "'%s' is an encoder with a decoder: these score and embed, but don't generate yet"
                : "'%s' is an encoder: it cannot generate",
            m->path);
    if (g.max_tokens >= m->info.max_length)
        return err_set(err, ERR_INPUT,
            "%u tokens to generate leave no room for a prompt: the model takes %u", g.max_tokens,
            m->info.max_length);
    struct score_options score = { .add_bos = options->add_bos };
    bool ok = model_can_run(m, run, err) &&
              pair_rule_init(
                  &g.rule, m->tokenizer, m->prefix_token, m->net.spec.expects_bos, &score, err) &&
              requests_add(&g, requests, n, err);
    if (ok && run && run->plan_only)
        generator_plan(&g, run);
    else
        ok = ok && generator_run(&g, run, err);
    if (run && run->stats) {
        stats_add(run->stats, &g, filled);
        run->stats->items += n;
        run->stats->seconds += model_clock() - start;
    }
    generator_release(&g);
    return ok;
}
