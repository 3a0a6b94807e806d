#include "evaluator/metric/detect.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "evaluator/metric/letters_text.h"
#include "evaluator/metric/metric.h"

enum {
    PROFILE_MAX_BYTES = 4 << 20,
    LANGUAGES_MAX = 128,
    TEXT_MAX = 10000, /* characters that are looked at */
    URL_MAX = 2076,
    TRIALS = 7,
    ROUNDS_MAX = 1000,
    MARKS_MAX = 8, /* kinds of accents of Vietnamese */
};

/* What a language has of a piece; those of a piece are a list. */
struct share {
    double probability;
    uint32_t language, next; /* UINT32_MAX: the last */
};

/* Characters that stand for another: one list of groups, each with its first for all of it. */
struct group {
    struct letters members;
};

struct detector {
    char *languages[LANGUAGES_MAX];
    size_t n_languages;
    struct strmap *pieces; /* to the first of its shares */
    struct share *shares;
    size_t n_shares, shares_capacity;
    struct group *ideographs;
    size_t n_ideographs, ideographs_capacity;
    struct letters excluded, bare, marks, accented[MARKS_MAX]; /* accented: by mark, then by bare */
};

/* ---- reading ---- */

/* "\u00a0" and the like become what they stand for. */
static struct letters unescaped(const char *s, size_t n) {
    struct letters l = { xcalloc(n + 1, sizeof *l.c), 0 };
    for (size_t i = 0; i < n; l.n++) {
        if (n - i >= 6 && s[i] == '\\' && s[i + 1] == 'u') {
            char digits[5] = { s[i + 2], s[i + 3], s[i + 4], s[i + 5], 0 };
            l.c[l.n] = (uint32_t)strtoul(digits, NULL, 16);
            i += 6;
        } else {
            l.c[l.n] = (unsigned char)s[i++];
        }
    }
    return l;
}

static void take_letters(struct letters *to, const char *value, size_t n) {
    letters_release(to);
    *to = unescaped(value, n);
}

static void take_message(struct detector *d, const char *line, size_t n) {
    static const char KANJI[] = "NGram.KANJI_", ACCENTED[] = "NORMALIZED_VI_CHARS_";
    const char *equals = memchr(line, '=', n);
    size_t key = equals ? (size_t)(equals - line) : n, left = equals ? n - key - 1 : 0;
    if (!equals) {
        return;
    }
    if (key == strlen("NGram.LATIN1_EXCLUDE") && !memcmp(line, "NGram.LATIN1_EXCLUDE", key)) {
        take_letters(&d->excluded, equals + 1, left);
    } else if (key == strlen("TO_NORMALIZE_VI_CHARS") &&
               !memcmp(line, "TO_NORMALIZE_VI_CHARS", key)) {
        take_letters(&d->bare, equals + 1, left);
    } else if (key == strlen("DMARK_CLASS") && !memcmp(line, "DMARK_CLASS", key)) {
        take_letters(&d->marks, equals + 1, left);
    } else if (key > strlen(ACCENTED) && !memcmp(line, ACCENTED, strlen(ACCENTED))) {
        /* they are named after the mark: 0300, 0301, 0303, 0309, 0323 */
        static const char *const NAMES[] = { "0300", "0301", "0303", "0309", "0323" };
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
            if (key - strlen(ACCENTED) == 4 && !memcmp(line + strlen(ACCENTED), NAMES[i], 4)) {
                take_letters(&d->accented[i], equals + 1, left);
            }
        }
    } else if (key > strlen(KANJI) && !memcmp(line, KANJI, strlen(KANJI))) {
        mem_grow(
            &d->ideographs, &d->ideographs_capacity, d->n_ideographs + 1, sizeof *d->ideographs);
        d->ideographs[d->n_ideographs++].members = unescaped(equals + 1, left);
    }
}

static bool read_messages(struct detector *d, const char *dir, struct err *err) {
    struct strbuf text = { 0 };
    char *path = path_join(dir, "messages.properties");
    bool ok = file_read(path, PROFILE_MAX_BYTES, &text, err);
    struct json_lines lines = { strbuf_str(&text), text.len, 0 };
    const char *line;
    size_t n;
    while (ok && json_lines_next(&lines, &line, &n)) {
        take_message(d, line, n && line[n - 1] == '\r' ? n - 1 : n);
    }
    ok = ok && ((d->bare.n && d->marks.n && d->n_ideographs && d->excluded.n) ||
                   err_set(err, ERR_INPUT, "'%s' is not langdetect's list of characters", path));
    strbuf_release(&text);
    free(path);
    return ok;
}

static void add_share(struct detector *d, const char *piece, double probability) {
    size_t n = strlen(piece);
    mem_grow(&d->shares, &d->shares_capacity, d->n_shares + 1, sizeof *d->shares);
    struct share *s = &d->shares[d->n_shares];
    *s = (struct share) { probability, (uint32_t)d->n_languages, UINT32_MAX };
    int32_t first = strmap_find(d->pieces, piece, n);
    if (first < 0) {
        strmap_add(d->pieces, piece, n, (int32_t)d->n_shares);
    } else {
        s->next = d->shares[first].next;
        d->shares[first].next = (uint32_t)d->n_shares;
    }
    d->n_shares++;
}

static bool read_profile(struct detector *d, const char *path, struct err *err) {
    json_t *json = json_parse_file(path, PROFILE_MAX_BYTES, err), *count;
    const json_t *words = json_object_get(json, "n_words");
    const char *name = json_get_string(json, "name", ""), *piece;
    bool ok = json && ((*name && json_array_size(words) == 3 && d->n_languages < LANGUAGES_MAX) ||
                          err_set(err, ERR_INPUT, "'%s' is not a profile of langdetect", path));
    if (ok) {
        json_object_foreach(json_object_get(json, "freq"), piece, count) {
            struct letters l = letters_of(piece, strlen(piece));
            double of =
                l.n >= 1 && l.n <= 3 ? json_number_value(json_array_get(words, l.n - 1)) : 0;
            if (of > 0) {
                add_share(d, piece, json_number_value(count) / of);
            }
            letters_release(&l);
        }
        d->languages[d->n_languages++] = xstrdup(name);
    }
    json_decref(json);
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_profiles(struct detector *d, const char *dir, struct err *err) {
    char *folder = path_join(dir, "profiles"), *names[LANGUAGES_MAX];
    size_t n = 0;
    DIR *list = opendir(folder);
    bool ok = list || err_errno(err, ERR_NOT_FOUND, "could not open the folder '%s'", folder);
    for (struct dirent *e; ok && n < LANGUAGES_MAX && (e = readdir(list)) != NULL;) {
        if (e->d_name[0] != '.') {
            names[n++] = xstrdup(e->d_name);
        }
    }
    if (list) {
        closedir(list);
    }
    if (n) {
        qsort(names, n, sizeof *names, by_name);
    }
    for (size_t i = 0; i < n; i++) {
        char *path = path_join(folder, names[i]);
        ok = ok && read_profile(d, path, err);
        free(path);
        free(names[i]);
    }
    ok = ok &&
         (d->n_languages || err_set(err, ERR_INPUT, "the folder '%s' has no profiles", folder));
    free(folder);
    return ok;
}

struct detector *detector_open(const char *dir, struct err *err) {
    struct detector *d = xcalloc(1, sizeof *d);
    d->pieces = strmap_new(1 << 16);
    if (!read_messages(d, dir, err) || !read_profiles(d, dir, err)) {
        detector_close(d);
        return NULL;
    }
    return d;
}

void detector_close(struct detector *d) {
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->n_languages; i++) {
        free(d->languages[i]);
    }
    for (size_t i = 0; i < d->n_ideographs; i++) {
        letters_release(&d->ideographs[i].members);
    }
    for (size_t i = 0; i < MARKS_MAX; i++) {
        letters_release(&d->accented[i]);
    }
    letters_release(&d->excluded);
    letters_release(&d->bare);
    letters_release(&d->marks);
    strmap_free(d->pieces);
    free(d->ideographs);
    free(d->shares);
    free(d);
}

/* ---- what is looked at of a text ---- */

static size_t place_of(const struct letters *l, uint32_t c) {
    for (size_t i = 0; i < l->n; i++) {
        if (l->c[i] == c) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool is_plain(uint32_t c) { /* [0-9A-Za-z] */
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_among(uint32_t c, const char *signs) {
    return is_plain(c) || (c && c < 128 && strchr(signs, (int)c));
}

static bool stands_at(const struct letters *l, size_t at, const char *word) {
    for (; *word; word++, at++) {
        if (at >= l->n || l->c[at] != (unsigned char)*word) {
            return false;
        }
    }
    return true;
}

static size_t run_of(const struct letters *l, size_t at, const char *signs, size_t most) {
    size_t n = 0;
    while (n < most && at + n < l->n && is_among(l->c[at + n], signs)) {
        n++;
    }
    return n;
}

/* https?://[-_.?&~;+=/#0-9A-Za-z]{1,2076}: its length, 0: none. */
static size_t url_at(const struct letters *l, size_t at) {
    size_t begin = stands_at(l, at, "https://") ? 8 : stands_at(l, at, "http://") ? 7 : 0;
    size_t n = begin ? run_of(l, at + begin, "-_.?&~;+=/#", URL_MAX) : 0;
    return n ? begin + n : 0;
}

/* [-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}. The middle gives one back where
 * nothing is left for the end. */
static size_t mail_at(const struct letters *l, size_t at) {
    size_t name = run_of(l, at, "-_.", 64);
    if (!name || at + name >= l->n || l->c[at + name] != '@') {
        return 0;
    }
    size_t host = run_of(l, at + name + 1, "-_", 255);
    size_t rest = run_of(l, at + name + 1 + host, "-_.", 255);
    if (host && !rest) {
        host--;
        rest = 1;
    }
    return host ? name + 1 + host + rest : 0;
}

static void blank_out(struct letters *l, size_t (*found)(const struct letters *l, size_t at)) {
    size_t to = 0;
    for (size_t at = 0; at < l->n; to++) {
        size_t n = found(l, at);
        l->c[to] = n ? ' ' : l->c[at];
        at += n ? n : 1;
    }
    l->n = to;
}

/* A letter and an accent behind it become one. */
static void join_accents(const struct detector *d, struct letters *l) {
    size_t to = 0;
    for (size_t at = 0; at < l->n; at++, to++) {
        size_t bare = place_of(&d->bare, l->c[at]), mark = SIZE_MAX;
        if (bare != SIZE_MAX && at + 1 < l->n) {
            mark = place_of(&d->marks, l->c[at + 1]);
        }
        bool joins = mark < MARKS_MAX && bare < d->accented[mark].n;
        l->c[to] = joins ? d->accented[mark].c[bare] : l->c[at];
        at += joins;
    }
    l->n = to;
}

static void squeeze(struct letters *l) {
    uint32_t before = 0;
    size_t to = 0, n = l->n < TEXT_MAX ? l->n : TEXT_MAX;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = l->c[i];
        if (c != ' ' || before != ' ') {
            l->c[to++] = c;
        }
        before = c;
    }
    l->n = to;
}

/* Latin words in a text of another script are left out. */
static void drop_latin(struct letters *l) {
    size_t latin = 0, others = 0, to = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t c = l->c[i];
        latin += c >= 'A' && c <= 'z';
        others += c >= 0x300 && !(c >= 0x1e00 && c <= 0x1eff);
    }
    if (latin * 2 >= others) {
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (l->c[i] < 'A' || l->c[i] > 'z') {
            l->c[to++] = l->c[i];
        }
    }
    l->n = to;
}

/* Characters that tell the same are one. */
static uint32_t normal(const struct detector *d, uint32_t c) {
    if (c < 0x80) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ? c : ' ';
    }
    if (c <= 0xff) {
        return place_of(&d->excluded, c) != SIZE_MAX ? ' ' : c;
    }
    if (c == 0x219 || c == 0x21b) { /* Romanian: a comma below is a cedilla */
        return c == 0x219 ? 0x15f : 0x163;
    }
    if (c == 0x6cc) { /* the Persian yeh is the Arabic one */
        return 0x64a;
    }
    for (size_t i = d->n_ideographs; c >= 0x4e00 && c <= 0x9fff && i-- > 0;) {
        if (place_of(&d->ideographs[i].members, c) != SIZE_MAX) {
            return d->ideographs[i].members.c[0];
        }
    }
    return c >= 0x1ea0 && c <= 0x1eff                                     ? 0x1ec3
           : c >= 0x2000 && c <= 0x206f                                   ? ' '
           : c >= 0x3040 && c <= 0x309f                                   ? 0x3042
           : c >= 0x30a0 && c <= 0x30ff                                   ? 0x30a2
           : (c >= 0x3100 && c <= 0x312f) || (c >= 0x31a0 && c <= 0x31bf) ? 0x3105
           : c >= 0xac00 && c <= 0xd7af                                   ? 0xac00
                                                                          : c;
}

/* ---- pieces ---- */

struct pieces {
    uint32_t *first; /* of the shares of each */
    size_t n, capacity;
};

static void add_piece(const struct detector *d, struct pieces *p, const uint32_t *c, size_t n) {
    struct strbuf text = { 0 };
    letters_add(&text, c, n);
    int32_t first = strmap_find(d->pieces, strbuf_str(&text), text.len);
    if (first >= 0) {
        mem_grow(&p->first, &p->capacity, p->n + 1, sizeof *p->first);
        p->first[p->n++] = (uint32_t)first;
    }
    strbuf_release(&text);
}

/* Of words in capitals only the first letter's are. */
static void take_pieces(const struct detector *d, const struct letters *l, struct pieces *p) {
    uint32_t window[4] = { ' ' };
    size_t n = 1;
    bool capitals = false;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t c = normal(d, l->c[i]), last = window[n - 1];
        if (last == ' ') {
            window[0] = ' ';
            n = 1;
            capitals = false;
        } else if (n == 3) {
            window[0] = window[1];
            window[1] = window[2];
            n = 2;
        }
        if (last != ' ' || c != ' ') {
            window[n++] = c;
            capitals = letter_is_upper(c) && (capitals || letter_is_upper(last));
        }
        for (size_t k = 1; !capitals && k <= n; k++) {
            if (k > 1 || window[n - 1] != ' ') {
                add_piece(d, p, window + n - k, k);
            }
        }
    }
}

/* ---- deciding ---- */

struct draws {
    struct mt19937 r;
    double kept; /* of two numbers that are drawn together */
    bool has_kept;
};

/* random.gauss(0, 1) */
static double gauss(struct draws *g) {
    if (g->has_kept) {
        g->has_kept = false;
        return g->kept;
    }
    double turn = python_random(&g->r) * (2 * M_PI);
    double radius = sqrt(-2.0 * log(1.0 - python_random(&g->r)));
    g->kept = sin(turn) * radius;
    g->has_kept = true;
    return cos(turn) * radius;
}

static void update(const struct detector *d, double *p, uint32_t piece, double weight) {
    double with[LANGUAGES_MAX];
    for (size_t i = 0; i < d->n_languages; i++) {
        with[i] = weight;
    }
    for (uint32_t at = piece; at != UINT32_MAX; at = d->shares[at].next) {
        with[d->shares[at].language] = weight + d->shares[at].probability;
    }
    for (size_t i = 0; i < d->n_languages; i++) {
        p[i] *= with[i];
    }
}

static double normalize(const struct detector *d, double *p) {
    double sum = 0, most = 0;
    for (size_t i = 0; i < d->n_languages; i++) {
        sum += p[i];
    }
    for (size_t i = 0; i < d->n_languages; i++) {
        p[i] /= sum;
        most = p[i] > most ? p[i] : most;
    }
    return most;
}

static void try_once(
    const struct detector *d, const struct pieces *pieces, struct draws *g, double *total) {
    double p[LANGUAGES_MAX], alpha = 0.5 + gauss(g) * 0.05;
    for (size_t i = 0; i < d->n_languages; i++) {
        p[i] = 1.0 / (double)d->n_languages;
    }
    for (int round = 0;; round++) {
        update(d, p, pieces->first[python_randbelow(&g->r, pieces->n)], alpha / 10000);
        if (round % 5 == 0 && (normalize(d, p) > 0.99999 || round >= ROUNDS_MAX)) {
            break;
        }
    }
    for (size_t i = 0; i < d->n_languages; i++) {
        total[i] += p[i] / TRIALS;
    }
}

static const char *likeliest(const struct detector *d, const struct pieces *pieces) {
    double total[LANGUAGES_MAX] = { 0 };
    struct draws g = { 0 };
    size_t best = 0;
    python_seed(&g.r, 0);
    for (int i = 0; i < TRIALS; i++) {
        try_once(d, pieces, &g, total);
    }
    for (size_t i = 1; i < d->n_languages; i++) {
        best = total[i] > total[best] ? i : best;
    }
    return total[best] > 0.1 ? d->languages[best] : "unknown";
}

const char *detector_detect(const struct detector *d, const char *text, size_t n) {
    struct letters l = letters_of(text, n);
    struct pieces pieces = { 0 };
    blank_out(&l, url_at);
    blank_out(&l, mail_at);
    join_accents(d, &l);
    squeeze(&l);
    drop_latin(&l);
    take_pieces(d, &l, &pieces);
    const char *found = pieces.n ? likeliest(d, &pieces) : NULL;
    free(pieces.first);
    letters_release(&l);
    return found;
}
