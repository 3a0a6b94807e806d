/* See spans.h. Plain C, without a device. */
#include "harness/cuda/spans.h"

uint32_t spans_list(const struct segment *s, struct attend_span *out) {
    uint32_t position = 0, n = 0, next = 0;
    for (uint32_t i = 0; i <= s->n_ancestors; i++) {
        bool own = i == s->n_ancestors;
        struct kv_span span = own ? (struct kv_span) { s->slot, s->n } : s->ancestors[i];
        if (span.n == 0 && !own)
            continue;
        if (n == 0 || span.slot != next)
            out[n++] = (struct attend_span) { position, span.slot };
        next = span.slot + span.n;
        position += span.n;
    }
    return n;
}
