/* Reads and checks a site's own words and colours (see look.h). */
#include "site-gen/look.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/luabox.h"
#include "base/mem.h"

#define LOOK_MAX ((size_t)64 << 10)
#define LOGO_MAX ((size_t)64 << 10)
#define TEXT_MAX 400
#define LINKS_MAX 12
#define CONTRAST 4.5

/* Tokens of site.css that may be set, and what they are without. */
struct token {
    const char *key, *property, *light, *dark;
    bool text; /* is read on the grounds */
};
static const struct token TOKENS[] = {
    { "bg", "--bg", "#ffffff", "#0e1116", false },
    { "surface", "--surface", "#f6f6f3", "#161a21", false },
    { "raised", "--raised", "#ffffff", "#1c212a", false },
    { "fg", "--fg", "#16181c", "#e7eaf0", true },
    { "muted", "--muted", "#5b6068", "#9aa4b5", true },
    { "accent", "--accent", "#8a5a00", "#e5b454", true },
    { "heat", "--heat", "#c48a1a", "#b98a30", false },
};
#define N_TOKENS (sizeof TOKENS / sizeof *TOKENS)
enum { BG, SURFACE, RAISED, FG, MUTED, ACCENT, HEAT };
#define HEAT_SHARE 0.28 /* of the strongest cell, as in site.css */

/* ---- keys ---- */

static size_t least(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* How many letters differ. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(b), row[64];
    if (n >= 63)
        return n;
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 1; *a; a++, i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            size_t above = row[k];
            row[k] = least(above + 1, row[k - 1] + 1, corner + (*a != b[k - 1]));
            corner = above;
        }
    }
    return row[n];
}

static bool refuse_key(
    const char *where, const char *key, const char *const *known, struct err *err) {
    const char *nearest = known[0];
    for (const char *const *k = known; *k; k++) {
        if (distance(key, *k) < distance(key, nearest))
            nearest = *k;
    }
    err_set(err, ERR_INPUT, "%s has no '%.40s'", where, key);
    return err_hint(err, "the nearest that it has is '%s'", nearest);
}

static bool check_keys(
    const char *where, const json_t *table, const char *const *known, struct err *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)table, key, value) {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return refuse_key(where, key, known, err);
    }
    return true;
}

/* ---- colours ---- */

static double channel(unsigned v) {
    double s = v / 255.0;
    return s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4);
}

static bool parse_colour(const char *text, unsigned rgb[3]) {
    if (strlen(text) != 7 || *text != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    return sscanf(text + 1, "%2x%2x%2x", &rgb[0], &rgb[1], &rgb[2]) == 3;
}

static double luminance(const unsigned rgb[3]) {
    return 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
}

double colour_contrast(const char *a, const char *b) {
    unsigned x[3], y[3];
    if (!parse_colour(a, x) || !parse_colour(b, y))
        return 0;
    double p = luminance(x), q = luminance(y);
    return (fmax(p, q) + 0.05) / (fmin(p, q) + 0.05);
}

/* The ground of the strongest cell of a table. */
static void heat_ground(const char *bg, const char *heat, char out[8]) {
    unsigned a[3] = { 0 }, b[3] = { 0 }, c[3];
    if (!parse_colour(bg, a) || !parse_colour(heat, b))
        return;
    for (int i = 0; i < 3; i++)
        c[i] = (unsigned)lround(a[i] + HEAT_SHARE * ((double)b[i] - a[i]));
    snprintf(out, 8, "#%02x%02x%02x", c[0] & 255, c[1] & 255, c[2] & 255);
}

static bool check_pair(const char *theme, const char *text, const char *text_colour,
    const char *ground, const char *ground_colour, struct err *err) {
    double contrast = colour_contrast(text_colour, ground_colour);
    if (contrast >= CONTRAST)
        return true;
    err_set(err, ERR_INPUT,
        "colours.%s: '%s' %s on '%s' %s has a contrast of %.1f:1, less than %.1f:1", theme, text,
        text_colour, ground, ground_colour, floor(contrast * 10) / 10, CONTRAST);
    return err_hint(err, "make the text darker or its ground lighter, or the reverse");
}

static bool check_theme(const char *theme, const char *const *colour, struct err *err) {
    static const int GROUNDS[] = { BG, SURFACE, RAISED };
    for (size_t t = 0; t < N_TOKENS; t++) {
        for (size_t g = 0; TOKENS[t].text && g < 3; g++) {
            if (!check_pair(theme, TOKENS[t].key, colour[t], TOKENS[GROUNDS[g]].key,
                    colour[GROUNDS[g]], err))
                return false;
        }
    }
    char heat[8] = "";
    heat_ground(colour[BG], colour[HEAT], heat);
    return check_pair(theme, "fg", colour[FG], "heat", heat, err);
}

static bool read_theme(
    const json_t *table, const char *theme, bool dark, const char **colour, struct err *err) {
    const char *known[N_TOKENS + 1] = { NULL };
    char where[32];
    snprintf(where, sizeof where, "colours.%s", theme);
    for (size_t t = 0; t < N_TOKENS; t++) {
        known[t] = TOKENS[t].key;
        colour[t] = dark ? TOKENS[t].dark : TOKENS[t].light;
    }
    if (table && !json_is_object(table))
        return err_set(err, ERR_INPUT, "%s is not a table", where);
    if (!check_keys(where, table, known, err))
        return false;
    for (size_t t = 0; t < N_TOKENS; t++) {
        const json_t *v = json_object_get(table, TOKENS[t].key);
        unsigned rgb[3];
        if (!v)
            continue;
        if (!json_is_string(v) || !parse_colour(json_string_value(v), rgb))
            return err_set(
                err, ERR_INPUT, "%s.%s is not a colour such as \"#8a5a00\"", where, TOKENS[t].key);
        colour[t] = json_string_value(v);
    }
    return check_theme(theme, colour, err);
}

static bool read_colours(const json_t *table, struct strbuf *css, struct err *err) {
    static const char *const THEMES[] = { "light", "dark", NULL };
    const char *light[N_TOKENS], *dark[N_TOKENS];
    if (!table)
        return true;
    if (!json_is_object(table))
        return err_set(err, ERR_INPUT, "colours is not a table");
    if (!check_keys("colours", table, THEMES, err) ||
        !read_theme(json_object_get(table, "light"), "light", false, light, err) ||
        !read_theme(json_object_get(table, "dark"), "dark", true, dark, err))
        return false;
    strbuf_adds(css, ":root {\n");
    for (size_t t = 0; t < N_TOKENS; t++) {
        if (strcmp(light[t], TOKENS[t].light) != 0 || strcmp(dark[t], TOKENS[t].dark) != 0)
            strbuf_addf(css, "  %s: light-dark(%s, %s);\n", TOKENS[t].property, light[t], dark[t]);
    }
    strbuf_adds(css, "}\n");
    return true;
}

/* ---- words ---- */

static bool read_text(const json_t *table, const char *key, json_t *words, struct err *err) {
    const json_t *v = json_object_get(table, key);
    if (!v)
        return true;
    if (!json_is_string(v) || !json_string_length(v) || json_string_length(v) > TEXT_MAX)
        return err_set(err, ERR_INPUT, "%s is not a text of 1 to %d bytes", key, TEXT_MAX);
    json_object_set(words, key, (json_t *)(uintptr_t)v);
    return true;
}

static bool read_link(const json_t *link, json_t *links, struct err *err) {
    static const char *const KEYS[] = { "text", "url", NULL };
    const char *text = json_get_string(link, "text", ""), *url = json_get_string(link, "url", "");
    if (!check_keys("a link", link, KEYS, err))
        return false;
    if (!*text || strlen(text) > 80)
        return err_set(err, ERR_INPUT, "a link has no 'text' of 1 to 80 bytes");
    if (!str_begins(url, "https://") && (*url != '/' || url[1] == '/'))
        return err_set(err, ERR_INPUT,
            "the link '%.60s' leads neither to https:// nor to a page of the site (/...)", text);
    json_array_append(links, (json_t *)(uintptr_t)link);
    return true;
}

static bool read_links(const json_t *list, json_t *words, struct err *err) {
    json_t *links = json_array(), *link;
    size_t i;
    if (json_is_object(list) && !json_object_size(list))
        list = NULL; /* what Lua's {} becomes */
    if (list && (!json_is_array(list) || json_array_size(list) > LINKS_MAX)) {
        json_decref(links);
        return err_set(err, ERR_INPUT, "links is not a list of at most %d", LINKS_MAX);
    }
    bool ok = true;
    json_array_foreach(list, i, link) ok = ok && read_link(link, links, err);
    json_object_set_new(words, "links", links);
    return ok;
}

/* A picture is shown by <img>, where nothing in it runs; opened by itself it is a document of the
 * site, so scripts have no business in it all the same. */
static bool read_logo(
    const char *path, const json_t *table, struct site_look *look, struct err *err) {
    const json_t *v = json_object_get(table, "logo");
    if (!v)
        return true;
    const char *name = json_is_string(v) ? json_string_value(v) : "";
    bool svg = str_ends(name, ".svg");
    if ((!svg && !str_ends(name, ".png")) || !path_stays_below(name))
        return err_set(err, ERR_INPUT, "logo is not the name of an .svg or .png beside this file");
    const char *slash = strrchr(path, '/');
    char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("./");
    char *file = path_join(folder, name);
    bool ok = file_read(file, LOGO_MAX, &look->logo, err);
    free(folder);
    free(file);
    if (ok && svg &&
        (strcasestr(strbuf_str(&look->logo), "<script") ||
            strcasestr(strbuf_str(&look->logo), "javascript:")))
        return err_set(err, ERR_INPUT, "the logo holds a script");
    json_object_set_new(look->words, "logo", json_string(svg ? "logo.svg" : "logo.png"));
    return ok;
}

static bool read_table(
    const char *path, const json_t *table, struct site_look *look, struct err *err) {
    static const char *const KEYS[] = { "title", "lead", "about", "logo", "colours", "links",
        "imported", NULL };
    static const char *const TEXTS[] = { "title", "lead", "about", "imported" };
    look->words = json_object();
    if (!json_is_object(table))
        return err_set(err, ERR_INPUT, "it does not return a table of named fields");
    if (!check_keys("the site", table, KEYS, err))
        return false;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (!read_text(table, TEXTS[i], look->words, err))
            return false;
    }
    const char *imported = json_get_string(look->words, "imported", "apart");
    if (strcmp(imported, "apart") != 0 && strcmp(imported, "rank") != 0)
        return err_set(err, ERR_INPUT, "imported is 'apart' or 'rank', not '%.60s'", imported);
    return read_links(json_object_get(table, "links"), look->words, err) &&
           read_colours(json_object_get(table, "colours"), &look->css, err) &&
           read_logo(path, table, look, err);
}

bool site_look_read(const char *path, struct site_look *look, struct err *err) {
    struct luabox_limits limits = { 0 };
    struct strbuf text = { 0 };
    if (!file_read(path, LOOK_MAX, &text, err))
        return false;
    struct luabox *box = luabox_open(&limits, err);
    json_t *table = NULL;
    bool ok = box && luabox_run(box, path, strbuf_str(&text), text.len, 1, ERR_INPUT, err) &&
              (table = luabox_to_json(luabox_state(box), -1, err)) != NULL;
    bool sound = ok && (read_table(path, table, look, err) || err_wrap(err, "'%s'", path));
    json_decref(table);
    luabox_close(box);
    strbuf_release(&text);
    return sound;
}

void site_look_release(struct site_look *look) {
    json_decref(look->words);
    strbuf_release(&look->css);
    strbuf_release(&look->logo);
    *look = (struct site_look) { 0 };
}
