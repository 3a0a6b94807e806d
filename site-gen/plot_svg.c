/* From gnuplot's SVG to ours: reads its lines, marks and texts, and writes those anew (see plot.h).
 *
 * gnuplot 5.4 and 6.0 print paths with a stroke, marks as <use> with a translation and a colour,
 * and texts in a group that has place, colour and anchor. Colours are sentinels of plot_script's.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "site-gen/plot.h"

#define NAMED_MAX 8 /* marks that have their name beside them */
#define NAME_MAX_CHARS 32

struct reader {
    const char *at, *end;
    const struct plot_point *points;
    size_t n_points, n_marks;
    const struct link_base *links;
    struct strbuf *out;
    double x, y; /* where the next text stands */
    bool turned;
    char anchor[16], colour[12];
};

struct tag {
    const char *name, *end;
    size_t name_n;
};

static const char *class_of(const char *colour) {
    static const struct {
        int blue;
        const char *class;
    } SENTINELS[] = { { 1, "p-fg" }, { 2, "p-muted" }, { 3, "p-grid" }, { 17, "p-mark" },
        { 33, "p-front" } };
    int r = 0, g = 0, b = 0;
    if (sscanf(colour, "rgb( %d , %d , %d )", &r, &g, &b) != 3 || r != 1 || g != 1)
        return NULL;
    for (size_t i = 0; i < sizeof SENTINELS / sizeof *SENTINELS; i++) {
        if (SENTINELS[i].blue == b)
            return SENTINELS[i].class;
    }
    return NULL;
}

/* The value of an attribute, cut to the buffer; "" if it is not there. */
static void attribute(const struct tag *t, const char *name, char *value, size_t size) {
    size_t n = strlen(name);
    *value = '\0';
    for (const char *s = t->name + t->name_n; (s = memmem(s, (size_t)(t->end - s), name, n));
         s += n) {
        const char *quote = s + n + 1;
        if (!isspace((unsigned char)s[-1]) || s[n] != '=' || (*quote != '"' && *quote != '\''))
            continue;
        const char *close = memchr(quote + 1, *quote, (size_t)(t->end - quote - 1));
        if (close)
            snprintf(value, size, "%.*s", (int)(close - quote - 1), quote + 1);
        return;
    }
}

static bool is(const struct tag *t, const char *name) {
    return t->name_n == strlen(name) && memcmp(t->name, name, t->name_n) == 0;
}

/* ---- lines ---- */

/* Numbers with one decimal; nothing but absolute moves and lines. */
static bool write_path(struct reader *r, const struct tag *t) {
    char d[8192], stroke[32];
    attribute(t, "d", d, sizeof d);
    attribute(t, "stroke", stroke, sizeof stroke);
    const char *class = class_of(stroke);
    if (!strchr(d, 'L'))
        return true; /* moves alone draw nothing */
    if (!class || strlen(d) + 1 == sizeof d)
        return false;
    strbuf_addf(r->out, "<path class=\"%s\" d=\"", class);
    for (char *s = d; *s;) {
        char *next = s;
        double v = strtod(s, &next);
        if (next != s) {
            strbuf_addf(r->out, "%.1f", v);
            s = next;
        } else if (*s == 'M' || *s == 'L' || *s == ',' || *s == ' ') {
            strbuf_addc(r->out, *s++);
        } else if (*s == '\n') { /* a long one goes on in the next line */
            strbuf_addc(r->out, ' ');
            s += 1 + strspn(s + 1, "\t ");
        } else {
            return false;
        }
    }
    strbuf_adds(r->out, "\"/>");
    return true;
}

/* ---- marks ---- */

static void begin_link(struct reader *r, const struct plot_point *p) {
    const json_t *model = json_object_get(p->row, "model");
    const char *name = json_get_string(model, "name", ""),
               *path = json_get_string(model, "path", "");
    size_t keep = clip_utf8(name, strlen(name), 100);
    strbuf_adds(r->out, "<a href=\"");
    escape_url(r->out, r->links, path, strlen(path));
    strbuf_adds(r->out, "\"><title>");
    escape_attr(r->out, name, keep);
    strbuf_addf(r->out, ": %.1f \xC2\xB1 %.1f</title>", p->value, (p->high - p->low) / 2);
}

/* The name beside its mark, where there are few. */
static void write_name(struct reader *r, const struct plot_point *p, double x, double y) {
    const char *name = json_get_string(json_object_get(p->row, "model"), "short", "");
    bool left = x > 500;
    strbuf_addf(r->out, "<text class=\"p-name\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">",
        left ? "end" : "start", left ? x - 9 : x + 9, y - 6);
    escape_attr(r->out, name, clip_utf8(name, strlen(name), NAME_MAX_CHARS));
    strbuf_adds(r->out, "</text>");
}

/* gnuplot clears the ground under each mark with a white one: left out. */
static bool write_mark(struct reader *r, const struct tag *t) {
    char transform[80], colour[32];
    double x, y;
    attribute(t, "transform", transform, sizeof transform);
    attribute(t, "color", colour, sizeof colour);
    if (strcmp(colour, "white") == 0)
        return true;
    const char *class = class_of(colour);
    if (!class || sscanf(transform, "translate(%lf,%lf)", &x, &y) != 2 || r->n_marks >= r->n_points)
        return false;
    const struct plot_point *p = &r->points[r->n_marks++];
    begin_link(r, p);
    strbuf_addf(r->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></a>", class, x, y);
    if (r->n_points <= NAMED_MAX)
        write_name(r, p, x, y);
    return true;
}

/* ---- texts ---- */

static void place_text(struct reader *r, const struct tag *t) {
    char transform[80], fill[32], anchor[16];
    attribute(t, "transform", transform, sizeof transform);
    attribute(t, "fill", fill, sizeof fill);
    attribute(t, "text-anchor", anchor, sizeof anchor);
    if (sscanf(transform, "translate(%lf,%lf)", &r->x, &r->y) == 2) {
        const char *class = class_of(fill);
        r->turned = strstr(transform, "rotate(270") != NULL;
        snprintf(r->colour, sizeof r->colour, "%s", class ? class : "p-muted");
        snprintf(r->anchor, sizeof r->anchor, "%s",
            strcmp(anchor, "end") == 0 || strcmp(anchor, "middle") == 0 ? anchor : "start");
    }
}

static void write_text(struct reader *r, const struct tag *t) {
    const char *from = t->end + 1, *to = memchr(from, '<', (size_t)(r->end - from));
    while (to && from < to && isspace((unsigned char)*from))
        from++;
    strbuf_addf(r->out,
        "<text class=\"%s%s\" text-anchor=\"%s\" transform=\"translate(%.1f,%.1f)%s\">", r->colour,
        r->turned ? " p-turned" : "", r->anchor, r->x, r->y, r->turned ? " rotate(270)" : "");
    escape_text(r->out, from, to ? (size_t)(to - from) : 0);
    strbuf_adds(r->out, "</text>");
}

/* ---- the document ---- */

static bool take_tag(struct reader *r, struct tag *t) {
    const char *lt = memchr(r->at, '<', (size_t)(r->end - r->at));
    if (!lt || !(t->end = memchr(lt, '>', (size_t)(r->end - lt))))
        return false;
    t->name = lt + 1;
    t->name_n = strcspn(t->name, " \n\t/>");
    r->at = t->end + 1;
    return true;
}

static bool use_tag(struct reader *r, const struct tag *t) {
    if (is(t, "defs")) {
        const char *close = memmem(r->at, (size_t)(r->end - r->at), "</defs>", 7);
        r->at = close ? close : r->end;
    } else if (is(t, "path")) {
        return write_path(r, t);
    } else if (is(t, "use")) {
        return write_mark(r, t);
    } else if (is(t, "g")) {
        place_text(r, t);
    } else if (is(t, "text")) {
        write_text(r, t);
    }
    return true;
}

bool plot_rewrite(const char *svg, size_t len, const struct plot_point *points, size_t n,
    const struct link_base *links, struct strbuf *out, struct err *err) {
    struct reader r = { .at = svg,
        .end = svg + len,
        .points = points,
        .n_points = n,
        .links = links,
        .out = out,
        .anchor = "start",
        .colour = "p-muted" };
    struct tag t;
    strbuf_addf(out,
        "<svg class=\"plot\" viewBox=\"0 0 720 300\" role=\"group\" aria-label=\"Score against "
        "size: "
        "%zu models\">",
        n);
    while (take_tag(&r, &t)) {
        if (!use_tag(&r, &t))
            return err_set(err, ERR_FAILED, "gnuplot drew something unknown: <%.40s", t.name);
    }
    strbuf_adds(out, "</svg>");
    if (r.n_marks != n)
        return err_set(err, ERR_FAILED, "gnuplot drew %zu marks for %zu points", r.n_marks, n);
    return true;
}
