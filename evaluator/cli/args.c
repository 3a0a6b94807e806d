/* Parsing of options and operands by table (see args.h). */
#include "evaluator/cli/args.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

unsigned edit_distance(const char *a, const char *b, unsigned limit) {
    size_t n = strlen(a), m = strlen(b);
    if (n > 64 || m > 64) {
        return limit + 1;
    }
    unsigned row[65];
    for (unsigned j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned substitute = diagonal + (a[i - 1] != b[j - 1]);
            unsigned best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best < substitute ? best : substitute;
        }
    }
    return row[m] <= limit ? row[m] : limit + 1;
}

/* Names are compared with `_` taken for `-`. */
static bool same_name(const char *given, size_t n, const char *name) {
    if (strlen(name) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((given[i] == '_' ? '-' : given[i]) != name[i]) {
            return false;
        }
    }
    return true;
}

static const struct option *find_long(
    const struct option *const *tables, const char *name, size_t n) {
    for (; *tables; tables++) {
        for (const struct option *o = *tables; o->name; o++) {
            if (same_name(name, n, o->name)) {
                return o;
            }
        }
    }
    return NULL;
}

static const struct option *find_letter(const struct option *const *tables, char letter) {
    for (; *tables; tables++) {
        for (const struct option *o = *tables; o->name; o++) {
            if (o->letter == letter) {
                return o;
            }
        }
    }
    return NULL;
}

static bool unknown_option(
    const struct option *const *tables, const char *given, size_t n, struct err *err) {
    char name[65];
    snprintf(name, sizeof name, "%.*s", (int)(n < 64 ? n : 64), given);
    const char *nearest = NULL;
    unsigned best = 3;
    for (; *tables; tables++) {
        for (const struct option *o = *tables; o->name; o++) {
            unsigned d = edit_distance(name, o->name, 2);
            if (d < best) {
                best = d;
                nearest = o->name;
            }
        }
    }
    err_set(err, ERR_USAGE, "unknown option '--%s'", name);
    return nearest ? err_hint(err, "did you mean '--%s'?", nearest) : false;
}

static bool keep(
    struct args *args, const struct option *option, const char *value, struct err *err) {
    if (args->n_given == ARGS_MAX_VALUES) {
        return err_set(err, ERR_USAGE, "more than %d options", ARGS_MAX_VALUES);
    }
    args->given[args->n_given].option = option;
    args->given[args->n_given++].value = value;
    return true;
}

/* Takes argv[*i], and the next word where the option needs a value that isn't attached. */
static bool take_option(struct args *args, const struct option *const *tables, int argc,
    char *const *argv, int *i, struct err *err) {
    const char *word = argv[*i], *value = NULL;
    const struct option *option;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        option = find_long(tables, word + 2, n);
        if (!option) {
            return unknown_option(tables, word + 2, n, err);
        }
        value = word[2 + n] == '=' ? word + 3 + n : NULL;
    } else {
        option = find_letter(tables, word[1]);
        if (!option) {
            return err_set(err, ERR_USAGE, "unknown option '-%c'", word[1]);
        }
        value = word[2] ? word + 2 + (word[2] == '=') : NULL;
    }
    if (!option->value) {
        return value ? err_set(err, ERR_USAGE, "option '--%s' takes no value", option->name)
                     : keep(args, option, "", err);
    }
    if (!value) {
        if (*i + 1 >= argc) {
            return err_set(
                err, ERR_USAGE, "option '--%s' needs a value %s", option->name, option->value);
        }
        value = argv[++*i];
    }
    return keep(args, option, value, err);
}

bool args_parse(struct args *args, const struct option *const *tables, int argc, char *const *argv,
    struct err *err) {
    memset(args, 0, sizeof *args);
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && !strcmp(argv[i], "--")) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
            if (!take_option(args, tables, argc, argv, &i, err)) {
                return false;
            }
        } else if (args->n_operands == ARGS_MAX_VALUES) {
            return err_set(err, ERR_USAGE, "more than %d operands", ARGS_MAX_VALUES);
        } else {
            args->operands[args->n_operands++] = argv[i];
        }
    }
    return true;
}

const char *args_get(const struct args *args, const char *name, const char *otherwise) {
    for (unsigned i = args->n_given; i-- > 0;) {
        if (!strcmp(args->given[i].option->name, name)) {
            return args->given[i].value;
        }
    }
    return otherwise;
}

bool args_has(const struct args *args, const char *name) {
    return args_get(args, name, NULL) != NULL;
}

char *args_item(const struct args *args, const char *name, unsigned i) {
    for (unsigned g = 0; g < args->n_given; g++) {
        if (strcmp(args->given[g].option->name, name)) {
            continue;
        }
        for (const char *at = args->given[g].value;; at++) {
            size_t n = strcspn(at, ",");
            if (n && i-- == 0) {
                return xstrndup(at, n);
            }
            at += n;
            if (!*at) {
                break;
            }
        }
    }
    return NULL;
}

bool args_list(
    const struct args *args, const char *name, const char **list, unsigned max, struct err *err) {
    unsigned n = 0;
    for (unsigned i = 0; i < args->n_given; i++) {
        if (strcmp(args->given[i].option->name, name)) {
            continue;
        }
        if (n == max - 1) {
            return err_set(err, ERR_USAGE, "more than %u times --%s", max - 1, name);
        }
        list[n++] = args->given[i].value;
    }
    list[n] = NULL;
    return true;
}

bool args_get_uint(const struct args *args, const char *name, unsigned long otherwise,
    unsigned long max, unsigned long *out, struct err *err) {
    const char *text = args_get(args, name, NULL);
    if (!text) {
        *out = otherwise;
        return true;
    }
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > max) {
        return err_set(err, ERR_USAGE, "option '--%s' needs a whole number from 0 to %lu, not '%s'",
            name, max, text);
    }
    *out = v;
    return true;
}

bool args_get_double(
    const struct args *args, const char *name, double otherwise, double *out, struct err *err) {
    const char *text = args_get(args, name, NULL);
    if (!text) {
        *out = otherwise;
        return true;
    }
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v)) {
        return err_set(err, ERR_USAGE, "option '--%s' needs a number, not '%s'", name, text);
    }
    *out = v;
    return true;
}
