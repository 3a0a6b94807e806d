/* The walk, the plan and the scoring run. The walk is shared with generation, which reads rows in
 * its own way. */
#include "harness/model/sched.h"

/* ---- walking ---- */

bool walk_done(const struct walk *w) {
    return w->next == w->tree->n_sequences;
}

bool walk_turns(const struct walk *w) {
    return !walk_done(w) && !w->entered &&
           w->tree->sequences[w->next].length_class != w->length_class;
}

/* Offsets of the reads in rows [at, at + n) of the part, each row once. */
static size_t part_offsets(struct walk *w, const struct tree_sequence *s, uint32_t n) {
    const struct tree_read *reads = w->tree->reads + s->reads;
    size_t n_offsets = 0;
    for (size_t i = w->read; i < s->n_reads && reads[i].position < w->at + n; i++) {
        uint32_t offset = reads[i].position - w->at;
        if (n_offsets > 0 && w->offsets[n_offsets - 1] == offset)
            continue;
        mem_grow(&w->offsets, &w->offsets_capacity, n_offsets + 1, sizeof *w->offsets);
        w->offsets[n_offsets++] = offset;
    }
    return n_offsets;
}

static void part_report(
    struct walk *w, const struct tree_sequence *s, uint32_t n, uint32_t first_row) {
    const struct tree_read *reads = w->tree->reads + s->reads;
    struct walk_read report = { .row = first_row, .path = &w->path };
    for (size_t from = w->read; w->read < s->n_reads && reads[w->read].position < w->at + n;
         w->read++) {
        report.read = &reads[w->read];
        report.row += w->read > from && reads[w->read].position != reads[w->read - 1].position;
        w->on_read(w->arg, &report);
    }
}

/* As many of the sequence's next tokens as fit into the room and into one run of slots; 0: no
 * slots. */
static uint32_t part_add(struct walk *w, struct slots *slots, struct step *step, uint32_t room) {
    const struct tree_sequence *s = &w->tree->sequences[w->next];
    uint32_t left = s->n - w->at;
    struct kv_span span = slots_take(slots, left < room ? left : room);
    if (span.n == 0)
        return 0;
    uint32_t first_row = (uint32_t)step->n_reads;
    size_t n_reads = part_offsets(w, s, span.n);
    step_add(step, &(struct step_part) {
                       .ids = s->ids + w->at,
                       .n = span.n,
                       .position = w->at,
                       .slot = span.slot,
                       .ancestors = w->path.spans,
                       .n_ancestors = w->path.n,
                       .n_reads = n_reads,
                       .reads = w->offsets,
                   });
    slot_path_push(&w->path, span);
    part_report(w, s, span.n, first_row);
    w->at += span.n;
    return span.n;
}

bool walk_fill(struct walk *w, struct slots *slots, struct step *step, uint32_t room) {
    while (!walk_done(w)) {
        const struct tree_sequence *s = &w->tree->sequences[w->next];
        if (walk_turns(w) && step->n > 0)
            return true;
        w->length_class = s->length_class;
        if (!w->entered) {
            slot_path_cut(&w->path, s->shared, slots, &w->leaving);
            w->at = s->shared;
            w->read = 0;
            w->entered = true;
        }
        while (w->at < s->n) {
            uint32_t n = room > 0 ? part_add(w, slots, step, room) : 0;
            if (n == 0)
                return true;
            room -= n;
        }
        w->next++;
        w->entered = false;
    }
    return false;
}

void walk_ran(struct walk *w, struct slots *slots) {
    slot_path_cut(&w->leaving, 0, slots, NULL);
}

void walk_release(struct walk *w) {
    slot_path_release(&w->path);
    slot_path_release(&w->leaving);
    free(w->offsets);
    *w = (struct walk) { 0 };
}

/* ---- planning ---- */

bool sched_progress(struct sched_run *run, uint64_t n, struct err *err) {
    run->done += n;
    if (run->done >
        run->total) /* spilled tokens are computed again: no more than all is ever done */
        run->done = run->total;
    const struct run_options *o = run->options;
    if (o && o->progress && !o->progress(run->done, run->total, o->progress_arg))
        return err_set(err, ERR_INTERRUPTED, "stopped");
    return true;
}

bool sched_plan(struct sched_plan *plan, struct net *net, uint32_t max_slots, uint32_t depth,
    uint64_t n_rows, struct err *err) {
    if (depth >= max_slots) {
        err_set(err, ERR_RESOURCE, "keys and values of %u tokens do not fit: memory is for %u",
            depth, max_slots);
        return err_hint(err, "give it more with --max-mem");
    }
    uint32_t rows = net->n_rows, block = net->backend->ops->caps(net->backend)->row_block;
    if (rows > max_slots - depth)
        rows = max_slots - depth;
    if (block > 0 && rows > block)
        rows -= rows % block;
    uint64_t slots = (uint64_t)depth + rows; /* never more than there are tokens */
    plan->rows = rows;
    plan->slots = slots < n_rows ? (uint32_t)slots : (uint32_t)n_rows;
    plan->bytes = net->n_rows * net_row_bytes(net) + plan->slots * net_slot_bytes(net);
    return true;
}

/* ---- scoring ---- */

/* Targets of the step at hand, and where their numbers go. */
struct scoring {
    struct target *targets;
    size_t *sinks;
    size_t n, targets_capacity, sinks_capacity;
};

static void target_add(void *arg, const struct walk_read *r) {
    struct scoring *s = arg;
    mem_grow(&s->targets, &s->targets_capacity, s->n + 1, sizeof *s->targets);
    mem_grow(&s->sinks, &s->sinks_capacity, s->n + 1, sizeof *s->sinks);
    s->targets[s->n] = (struct target) { .row = r->row, .token = r->read->token };
    s->sinks[s->n++] = r->read->sink;
}

static void step_score(
    struct net *net, struct step *step, struct scoring *s, struct read_result *results) {
    struct step_view view = step_view(step);
    if (s->n == 0) {
        net_forward_keys(net, &view);
        return;
    }
    struct rows h = net_forward_head(net, &view);
    net_logprobs(net, h, s->targets, s->n);
    for (size_t i = 0; i < s->n; i++)
        results[s->sinks[i]] = (struct read_result) { s->targets[i].logprob, s->targets[i].best };
}

bool sched_reads(struct net *net, const struct sched_plan *plan, const struct tree *tree,
    struct read_result *results, struct sched_run *run, struct err *err) {
    if (!net_reserve_slots(net, plan->slots, err))
        return false;
    struct scoring scoring = { 0 };
    struct walk walk = { .tree = tree, .on_read = target_add, .arg = &scoring };
    struct step step = { 0 };
    struct slots slots;
    slots_init(&slots, plan->slots);
    bool ok = true, more = !walk_done(&walk);
    while (ok && more) {
        step_reset(&step);
        scoring.n = 0;
        more = walk_fill(&walk, &slots, &step, plan->rows);
        BUG_IF(more && step.n == 0);
        net_set_length(net, walk.length_class);
        if (run->on_class && !run->on_class(run->arg, walk.length_class, err)) {
            ok = false;
            break;
        }
        if (step.n > 0)
            step_score(net, &step, &scoring, results);
        walk_ran(&walk, &slots);
        ok = (!run->on_results || run->on_results(run->arg, scoring.sinks, scoring.n, err)) &&
             sched_progress(run, step.n, err);
    }
    walk_release(&walk);
    step_release(&step);
    slots_release(&slots);
    free(scoring.targets);
    free(scoring.sinks);
    return ok;
}
