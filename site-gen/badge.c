/* Badges: a model's mean on a suite with its error, as a picture and for shields.io (outlet.h). */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/outlet.h"

#define LABEL_MAX 40

/* About how wide a letter is in 11 px sans-serif, in tenths; the text is then set to that width. */
static int width_of(const char *s) {
    int tenths = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c & 0xC0) == 0x80)
            continue; /* goes on */
        if (c >= 0x80)
            tenths += 80;
        else
            tenths += strchr("ijl.,:;|!'I ", c) ? 36 : strchr("mwMW@%", c) ? 100 : 68;
    }
    return (tenths + 9) / 10;
}

static void add_text(struct strbuf *out, const char *class, int x, int width, const char *text) {
    strbuf_addf(out, "<text fill=\"%s\" x=\"%d\" y=\"14\" textLength=\"%d\">", class, x, width);
    escape_attr(out, text, strlen(text));
    strbuf_adds(out, "</text>");
}

void badge_svg(const char *label, const char *message, struct strbuf *out) {
    int a = width_of(label), b = width_of(message), left = a + 14, all = left + b + 14;
    strbuf_addf(out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"20\" role=\"img\">"
        "<title>",
        all);
    escape_attr(out, label, strlen(label));
    strbuf_adds(out, ": ");
    escape_attr(out, message, strlen(message));
    strbuf_addf(out,
        "</title><path fill=\"#3b3f46\" d=\"M3 0h%dv20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z\"/>"
        "<path fill=\"#8a5a00\" d=\"M%d 0h%da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%dz\"/>"
        "<g font-family=\"DejaVu Sans,Verdana,sans-serif\" font-size=\"11\">",
        left - 3, left, all - left - 3, all - left - 3);
    add_text(out, "#fff", 7, a, label);
    add_text(out, "#fff", left + 7, b, message);
    strbuf_adds(out, "</g></svg>\n");
}

/* ---- what it says ---- */

static void add_clipped(struct strbuf *out, const char *text, size_t max) {
    size_t n = strlen(text), keep = clip_utf8(text, n, max);
    strbuf_add(out, text, keep);
    strbuf_adds(out, keep < n ? "\xE2\x80\xA6" : "");
}

/* "53.7 ±4.2, rank 2–4 of 12": what the board says of the row. */
static void add_message(struct strbuf *out, const json_t *standing, const json_t *row) {
    const json_t *mean = json_object_get(row, "mean");
    double v = json_get_number(mean, "value", NAN), low = json_get_number(mean, "low", NAN),
           high = json_get_number(mean, "high", NAN);
    long long from = json_get_int(row, "rank_low", 0), to = json_get_int(row, "rank_high", 0);
    if (!isfinite(v)) {
        strbuf_adds(out, "not ranked");
        return;
    }
    strbuf_addf(out, "%.1f", 100 * v);
    if (isfinite(high - low))
        strbuf_addf(out, " \xC2\xB1%.1f", 50 * (high - low));
    if (from)
        strbuf_addf(out, ", rank %lld", from);
    if (to > from)
        strbuf_addf(out, "\xE2\x80\x93%lld", to);
    if (from)
        strbuf_addf(out, " of %lld", json_get_int(standing, "n_ranked", 0));
    const char *mark = json_get_string(json_object_get(row, "mark"), "word", NULL);
    if (mark)
        strbuf_addf(out, " (%.10s)", mark);
}

static bool put_badge(const struct outlet *o, const char *stem, const char *label,
    const char *message, struct err *err) {
    struct strbuf name = { 0 }, body = { 0 };
    strbuf_addf(&name, "%s.svg", stem);
    badge_svg(label, message, &body);
    bool ok = o->file(o->builder, name.text, body.text, body.len, err);
    strbuf_reset(&name);
    strbuf_reset(&body);
    strbuf_addf(&name, "%s.json", stem);
    struct json_writer w;
    json_writer_init(&w, &body, false);
    jw_object(&w);
    jw_kv_int(&w, "schemaVersion", 1);
    jw_kv_string(&w, "label", label);
    jw_kv_string(&w, "message", message);
    jw_kv_string(&w, "color", "8a5a00");
    jw_end_object(&w);
    strbuf_addc(&body, '\n');
    ok = ok && o->file(o->builder, name.text, body.text, body.len, err);
    strbuf_release(&name);
    strbuf_release(&body);
    return ok;
}

/* "badge/org/name/suite" from "/m/org/name/" and "/s/suite/". */
static void badge_stem(struct strbuf *out, const char *model, const char *suite) {
    if (strlen(model) < 3 || strlen(suite) < 4)
        return;
    strbuf_addf(out, "badge%s%.*s", model + 2, (int)strlen(suite) - 4, suite + 3);
}

/* Of several rows of a model the first, which is the best one. */
static bool put_standing(const struct outlet *o, const char *model, const json_t *standing,
    json_t *done, struct err *err) {
    struct strbuf stem = { 0 }, label = { 0 }, message = { 0 };
    const json_t *row = json_array_get(json_object_get(standing, "rows"), 0);
    badge_stem(&stem, model, json_get_string(standing, "path", ""));
    bool ok = true;
    if (row && stem.len && !json_object_get(done, stem.text)) {
        json_object_set_new(done, stem.text, json_true());
        add_clipped(&label, json_get_string(standing, "suite", ""), LABEL_MAX);
        add_message(&message, standing, row);
        ok = put_badge(o, stem.text, strbuf_str(&label), strbuf_str(&message), err);
    }
    strbuf_release(&stem);
    strbuf_release(&label);
    strbuf_release(&message);
    return ok;
}

bool put_badges(const struct outlet *o, const json_t *view, struct err *err) {
    const char *model = json_get_string(json_object_get(view, "model"), "path", "");
    json_t *done = json_object(), *standing;
    size_t i;
    bool ok = true;
    json_array_foreach(json_object_get(view, "standings"), i, standing) ok =
        ok && put_standing(o, model, standing, done, err);
    json_decref(done);
    return ok;
}
