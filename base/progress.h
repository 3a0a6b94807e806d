/* A progress bar on stderr in the manner of tqdm:
 *     arc_easy:  41%|████      | 1924/4687 req [00:12<00:17, 158 req/s]
 * It shows after half a second, redraws at most ten times a second, and leaves a one-line
 * summary. Where stderr is not a terminal it logs a line every 10 % or 30 s. ASSAY_NO_PROGRESS,
 * HF_HUB_DISABLE_PROGRESS_BARS or progress_disable() silence it. Several threads may add to one
 * bar. */
#ifndef ASSAY_PROGRESS_H
#define ASSAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;
struct progress *progress_start(
    const char *label, uint64_t total, const char *unit); /* total 0: unknown */
void progress_add(struct progress *p, uint64_t n);
void progress_set(struct progress *p, uint64_t done);
void progress_note(
    struct progress *p, const char *note); /* shown after the rate; copied, at most 63 bytes */
void progress_end(struct progress *p);     /* frees p; NULL is fine */
void progress_disable(void);

/* Work that comes in stretches, one bar after the other: a bar ends when the label changes. A
 * stretch of no known size (total 0) has none. Zeroed is ready, and so it is after the end. */
struct progress_series {
    struct progress *bar;
    char label[64];
};
void progress_series_set(
    struct progress_series *s, const char *label, uint64_t done, uint64_t total, const char *unit);
void progress_series_end(struct progress_series *s);

#endif
