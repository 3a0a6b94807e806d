/* See pairs.h. */
#include "tests/web/pairs.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/stats/interval.h"
#include "base/stats/paired.h"
#include "base/stats/scores.h"
#include "tests/site-gen/fixture.h"

enum { PARTS = 2, DOCS = 150, PER_CLUSTER = 5 };

/* Numbers that look like gains: the second model has them a little higher, most of the time. */
static double score_of(int model, int part, int i) {
    double own = fmod((i + 1) * 0.6180339887 + part * 0.37, 1);
    return model == 0 ? own : fmin(1, own + 0.04 + 0.3 * sin(i * 1.7 + part));
}

static void fill(double x[DOCS], uint32_t cluster[DOCS], int model, int part, bool packed) {
    for (int i = 0; i < DOCS; i++) {
        x[i] = score_of(model, part, i);
        cluster[i] = (uint32_t)(i / PER_CLUSTER);
    }
    if (packed) { /* what is kept of them are levels */
        struct scores s;
        scores_pack(&s, x, cluster, DOCS);
        for (size_t i = 0; i < DOCS; i++)
            x[i] = scores_at(&s, i);
        scores_release(&s);
    }
}

static double mean_of(const double *x) {
    double sum = 0;
    for (int i = 0; i < DOCS; i++)
        sum += x[i];
    return sum / DOCS;
}

static double value_of(int model) {
    double x[DOCS], sum = 0;
    uint32_t cluster[DOCS];
    for (int part = 0; part < PARTS; part++) {
        fill(x, cluster, model, part, true);
        sum += mean_of(x) / PARTS;
    }
    return sum;
}

static json_t *kept_scores(int model) {
    json_t *parts = json_array();
    double x[DOCS];
    uint32_t cluster[DOCS];
    for (int part = 0; part < PARTS; part++) {
        struct scores s;
        fill(x, cluster, model, part, false);
        scores_pack(&s, x, cluster, DOCS);
        json_array_append_new(parts, scores_json(&s));
        scores_release(&s);
    }
    return json_pack(
        "{s:s, s:s, s:o}", "metric", "ndcg_at_10", "docs", "0123456789abcdef", "parts", parts);
}

json_t *pairs_document(void) {
    static const char *const MODELS[] = { "assay-demo/all-MiniLM-L6-v2",
        "assay-demo/all-MiniLM-L6-v2-3L" };
    json_t *doc = fixture_demo(), *run;
    size_t i;
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        for (int m = 0; m < 2; m++) {
            if (strcmp(json_get_string(run, "model", ""), MODELS[m]) ||
                strcmp(json_get_string(run, "task", ""), "WordNetGlossRetrieval"))
                continue;
            json_object_set_new(json_object_get(run, "record"), "scores", kept_scores(m));
            json_object_set_new(run, "value", json_real(value_of(m)));
        }
    }
    return doc;
}

/* ---- what the page must say ---- */

/* A number as the page has it: 0.0553 -> "+5.5". */
static void add_signed(struct strbuf *out, double v) {
    strbuf_addf(out, "%s%.1f", v > 0 ? "+" : v < 0 ? "\xE2\x88\x92" : "", fabs(100 * v));
}

static void add_plain(struct strbuf *out, double v) {
    strbuf_addf(out, "%s%.1f", v < 0 ? "\xE2\x88\x92" : "", fabs(100 * v));
}

static void add_row(struct strbuf *script, const char *task, double a, double b,
    const struct difference *d, struct interval i, const char *test) {
    struct strbuf want = { 0 };
    strbuf_addf(&want, "%.1f|%.1f|", 100 * a, 100 * b);
    add_signed(&want, d->value);
    strbuf_addc(&want, ' ');
    add_plain(&want, i.low);
    strbuf_adds(&want, " to ");
    add_plain(&want, i.high);
    strbuf_addf(&want, d->p < 0.0001 ? "|< 0.0001|" : "|%.4f|", d->p);
    strbuf_adds(&want, d->p > 0.05    ? "no difference shown"
                       : d->value > 0 ? "second is better"
                                      : "first is better");
    strbuf_addf(script,
        "const row = [...document.querySelectorAll('table.contrast tbody tr')].find(r => "
        "r.cells[0].textContent.startsWith('%s'));"
        "if (!row) return document.querySelector('main').textContent.slice(0, 400);"
        "const got = [1, 2, 3, 5, 6].map(i => row.cells[i].textContent).join('|');"
        "return (got === '%s' && row.cells[0].textContent.endsWith('%s')) || got + ' for %s';",
        task, want.text, test, want.text);
    strbuf_release(&want);
}

void pairs_expect_shares(struct strbuf *script) {
    double a[200], b[200];
    for (int i = 0; i < 200; i++) { /* as the fixture has them */
        a[i] = i < 79;
        b[i] = (i - 30 + 200) % 200 < 62;
    }
    struct flips f = flips_count(a, b, 200);
    struct difference d = { .value = ((double)f.only_b - (double)f.only_a) / 200,
        .p = mcnemar_mid((double)f.only_a, (double)f.only_b) };
    add_row(script, "wordnet_definitions", 79.0 / 200, 62.0 / 200, &d,
        interval_paired_shares((double)f.only_b, (double)f.only_a, 200), "McNemar");
}

void pairs_expect_means(struct strbuf *script) {
    struct difference_sum sum = { 0 };
    for (int part = 0; part < PARTS; part++) {
        double a[DOCS], b[DOCS];
        uint32_t cluster[DOCS];
        fill(a, cluster, 0, part, true);
        fill(b, cluster, 1, part, true);
        struct difference d = paired_mean(b, a, cluster, DOCS);
        difference_sum_add(&sum, 1.0 / PARTS, d.value, d.se * d.se, d.df);
    }
    struct difference d = difference_sum_close(&sum);
    add_row(script, "WordNetGlossRetrieval", value_of(0), value_of(1), &d,
        interval_mean(d.value, d.se, d.df), "paired t");
}
