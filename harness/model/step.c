/* Steps are built by appending. Ancestors are kept as offsets while the list of spans may still
 * move, and become pointers when the step is viewed. */
#include "harness/model/step.h"

#include <string.h>

void step_reset(struct step *s) {
    s->n = s->n_reads = s->n_spans = 0;
    s->has_types = false;
    s->segments.n = s->read_segments.n = 0;
}

void step_release(struct step *s) {
    free(s->ids);
    free(s->types);
    free(s->positions);
    free(s->slots);
    free(s->reads);
    free(s->read_positions);
    free(s->spans);
    free(s->segments.items);
    free(s->segments.spans_at);
    free(s->read_segments.items);
    free(s->read_segments.spans_at);
    *s = (struct step) { 0 };
}

static void span_add(struct step *s, struct kv_span span) {
    mem_grow(&s->spans, &s->spans_capacity, s->n_spans + 1, sizeof *s->spans);
    s->spans[s->n_spans++] = span;
}

/* Adds a segment whose ancestors are those of the part, then `before` tokens of the part itself. */
static void segment_add(struct step *s, struct step_segments *list, const struct step_part *part,
    uint32_t before, struct segment segment) {
    mem_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
    mem_grow(&list->spans_at, &list->spans_at_capacity, list->n + 1, sizeof *list->spans_at);
    list->spans_at[list->n] = s->n_spans;
    for (size_t i = 0; i < part->n_ancestors; i++)
        span_add(s, part->ancestors[i]);
    if (before > 0)
        span_add(s, (struct kv_span) { .slot = part->slot, .n = before });
    segment.n_ancestors = (uint32_t)(s->n_spans - list->spans_at[list->n]);
    segment.position = part->position + before;
    segment.slot = part->slot + before;
    list->items[list->n++] = segment;
}

/* The rows of the part that are read: one derived segment for each run without a gap. Of a whole
 * text it goes on behind the run. */
static void reads_add(struct step *s, const struct step_part *part) {
    uint32_t first = (uint32_t)s->n;
    size_t need = s->n_reads + part->n_reads;
    mem_grow(&s->reads, &s->reads_capacity, need, sizeof *s->reads);
    mem_grow(&s->read_positions, &s->read_positions_capacity, need, sizeof *s->read_positions);
    for (size_t i = 0; i < part->n_reads;) {
        size_t from = i;
        uint32_t row = (uint32_t)s->n_reads;
        do {
            s->reads[s->n_reads] = first + part->reads[i];
            s->read_positions[s->n_reads++] = part->position + part->reads[i];
            i++;
        } while (i < part->n_reads && part->reads[i] == part->reads[i - 1] + 1);
        uint32_t n = (uint32_t)(i - from), after = part->n - part->reads[from] - n;
        segment_add(s, &s->read_segments, part, part->reads[from],
            (struct segment) { .row = row, .n = n, .n_after = part->whole ? after : 0 });
    }
}

static void types_add(struct step *s, const struct step_part *part) {
    mem_grow(&s->types, &s->types_capacity, s->n + part->n, sizeof *s->types);
    if (part->types)
        memcpy(s->types + s->n, part->types, part->n);
    else
        memset(s->types + s->n, 0, part->n);
    s->has_types = s->has_types || part->types;
}

void step_add(struct step *s, const struct step_part *part) {
    size_t need = s->n + part->n;
    mem_grow(&s->ids, &s->ids_capacity, need, sizeof *s->ids);
    mem_grow(&s->positions, &s->positions_capacity, need, sizeof *s->positions);
    mem_grow(&s->slots, &s->slots_capacity, need, sizeof *s->slots);
    memcpy(s->ids + s->n, part->ids, part->n * sizeof *s->ids);
    types_add(s, part);
    for (uint32_t i = 0; i < part->n; i++) {
        s->positions[s->n + i] = part->position + i;
        s->slots[s->n + i] = part->slot + i;
    }
    segment_add(s, &s->segments, part, 0, (struct segment) { .row = (uint32_t)s->n, .n = part->n });
    reads_add(s, part);
    s->n = need;
}

static void segments_point(struct step *s, struct step_segments *list) {
    for (size_t i = 0; i < list->n; i++)
        list->items[i].ancestors = s->spans + list->spans_at[i];
}

static bool slots_follow(const struct step *s) {
    for (size_t i = 1; i < s->n; i++)
        if (s->slots[i] != s->slots[i - 1] + 1)
            return false;
    return s->n > 0;
}

struct step_view step_view(struct step *s) {
    segments_point(s, &s->segments);
    segments_point(s, &s->read_segments);
    return (struct step_view) {
        .n = (uint32_t)s->n,
        .ids = s->ids,
        .types = s->has_types ? s->types : NULL,
        .positions = s->positions,
        .slots = s->slots,
        .slots_follow = slots_follow(s),
        .segments = s->segments.items,
        .n_segments = (uint32_t)s->segments.n,
        .reads = s->reads,
        .n_reads = (uint32_t)s->n_reads,
        .read_positions = s->read_positions,
        .read_segments = s->read_segments.items,
        .n_read_segments = (uint32_t)s->read_segments.n,
    };
}
