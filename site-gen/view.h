/* Views: for each page the document that it shows, which is also published under /api/v1/.
 *
 * Numbers are as measured (0.537, not 53.7); whether a metric is shown as a percentage, and which
 * way is better, stands beside it. Lists are in the order in which they are shown. */
#ifndef ASSAY_SITE_VIEW_H
#define ASSAY_SITE_VIEW_H

#include "site-gen/score.h"
#include "site-gen/site.h"
#include "site-gen/world.h"

/* A value with its error and 95 % interval: {"value", "se"?, "low"?, "high"?, "n"?} from a row that
 * has value, stderr, low, high, n. */
json_t *figure_view(const json_t *row);
struct figure figure_of(const json_t *row);

/* mark.c: gives a line the "mark" {"word", "means"} of the dtype that `of` was computed in, where
 * that dtype needs one; and the marks of rows, each once. */
void mark_dtype(json_t *line, const json_t *of);
json_t *marks_of(const json_t *rows);

/* The board of one suite (a row of "suites"). */
json_t *view_board(const struct world *w, const json_t *suite);
json_t *view_index(const struct world *w, const json_t *boards);
/* Where each model stands: its path -> [{"board", "section", "row"}], borrowed from the boards. */
json_t *standings_index(const json_t *boards);
/* What a model's page says of such a place, and no more, so that it stays as it is while other
 * models come and go: of the section, and of the row, perhaps without its cells (stow.h). New. */
json_t *section_said(const json_t *place);
json_t *row_said(const json_t *place);
json_t *view_model(const struct world *w, const char *name, const json_t *standings);
json_t *view_tombstone(const struct world *w, const json_t *stone); /* what stands where it was */
json_t *run_line(const struct world *w, const json_t *run);         /* what a list shows of it */
json_t *view_run(const struct world *w, const json_t *run);
/* Those of a model's runs that have no page of their own: NULL if all have. */
json_t *view_listed_runs(const struct world *w, const char *model);
json_t *view_task_line(const struct world *w, const char *name); /* without its models */
/* Rows of groups are what they are ranked by; with finish_task they are lines, as a page has them:
 * of many rows the best, with "n_rows" of all. task_line makes one of any row. */
#define TASK_ROWS_MAX 1000
json_t *view_task(const struct world *w, const char *name);
json_t *task_line(const struct world *w, const json_t *row);
void finish_task(const struct world *w, json_t *view);
json_t *view_queue(const struct world *w);
json_t *view_models(const struct world *w); /* all models, for the list of them */

/* Ranks rows that have a figure under `key` and, under "parts", what they are compared by (with
 * `weights`, NULL: equal ones): sets rank, rank_low, rank_high, tier (it opens one), tier_number in
 * each; sorts the array best first. Rows without a figure go last, unranked. What was tested:
 * {"pairs", "paired", "tiers", "detectable"?} (score.h). */
json_t *rank_rows(json_t *rows, const char *key, bool higher, const json_t *weights);
/* Takes "detectable" out of what was tested where no two figures lie that far apart. */
void drop_undetectable(json_t *tests, double widest);
/* Orders ranked rows by Borda's rule in place of their means: "rank" is then its rank, which rows
 * without a mean have too. Ranges of ranks and tiers stay those of the means. */
void rank_by_votes(json_t *rows);
/* One of the parts: the figure of a task, with the scores of the run's documents where there are.
 */
json_t *part_view(const struct world *w, const json_t *figure, long long run);
void drop_parts(json_t *rows);
/* The first n rows as they are compared; the caller releases. */
void contest_init(struct contest *c, const json_t *rows, size_t n, const char *key, bool higher,
    const json_t *weights);
void contest_release(struct contest *c);
/* Sets the mean of each row of a board's section, or the reason why it has none, as the suite's
 * definition says; and of each suite within it, under "groups", which the section names. Rows also
 * get their "parts", the section the "weights" of these in the mean. Where the suite has mteb's
 * means, the section names the "types" of its tasks and rows have "means", "types" and "borda". */
void fill_means(const struct world *w, json_t *section, const json_t *suite_definition);
/* {"low", "high"} that hold all intervals under `key`, with `also` (NaN: nothing) among them. */
json_t *range_of(const json_t *rows, const char *key, double also);

#endif
