/* The evidence of a run: its samples, document by document.
 *
 * They are read run by run while pages are written (site.h, struct sample_source), made into what
 * a page shows of them (sample_view.c), and put into files of SHARD documents below the page of
 * samples:
 *
 *     {"schema": "assay.site.samples/1", "run", "from", "samples": [...]}
 *
 * The first file also has "n", "shard", "kind", "metric", "graded": is a
 * verdict by it, "published", "counts": {"right", "wrong",
 * "part"}, and "map": base64 of two bits a document, the lowest first: 0 no verdict, 1 wrong, 2 in
 * part, 3 right. With it the wrong ones are found without their texts.
 *
 * A document is known by its place among the run's samples, "d", from 0. Runs of one task that
 * asked the same documents have them at the same places. */
#ifndef ASSAY_SITE_SAMPLES_H
#define ASSAY_SITE_SAMPLES_H

#include "site-gen/site.h"
#include "site-gen/world.h"

enum { SHARD = 200, SHOWN_AT_ONCE = 20, SHOWN_ON_RUN = 3 };

enum verdict { VERDICT_NONE, VERDICT_WRONG, VERDICT_PART, VERDICT_RIGHT };

/* What is asked of every sample of a run. */
struct sample_form {
    const char *kind, *main;
    bool graded;    /* a value of the main metric between 0 and 1 is a verdict */
    bool published; /* else hashes and scores alone */
};
struct sample_form sample_form_of(const struct world *w, const json_t *run);

/* One sample as it is shown, whatever its kind and whoever wrote it:
 *     {"d", "id"?, "subset"?, "hash"?, "verdict"?: "right" | "wrong" | "part",
 *      "texts": [{"what", "text", "cut"?}], "measure"?: what the values of options are,
 *      "ranked"?: options are counted from 1, "bare"?: they are not counted,
 *      "options": [{"text", "value"?, "share"?, "bar"?: 0..1, "gold"?, "picked"?, "note"?}],
 *      "facts": [{"name", "value"}], "flags": ["tie", ...]}
 * Texts are a stranger's. New. */
json_t *sample_view(
    const struct sample_form *form, const json_t *sample, long long place, enum verdict *verdict);
const char *verdict_word(enum verdict v); /* NULL: none */

typedef bool put_file_fn(void *arg, const char *name, const void *data, size_t n, struct err *err);

/* Reads the run's samples once and puts its files ("000.json", ...). The page of samples:
 *     {"schema", "run_id", "published", "gone"?, "n", "n_files", "shard", "kind", "metric",
 *      "counts", "first": [samples], "of": documents that the run had}
 * New. */
MUST_CHECK bool samples_make(const struct world *w, const json_t *run, put_file_fn *put, void *arg,
    json_t **page, struct err *err);

/* What the page of the run says of them: {"published", "gone"?, "n", "counts", "first", "path": the
 * page of samples}; and of the run, what their page says. */
json_t *samples_brief(const json_t *page, const char *path);
void samples_finish(json_t *page, const json_t *run_view);

/* The samples at some places of a run, {"<place>": sample view}; without those that are not
 * there. New. */
MUST_CHECK bool samples_at(
    const struct world *w, const json_t *run, const json_t *places, json_t **out, struct err *err);

#endif
