/* See frontmatter.h: libyaml's events, turned into jansson values by a recursive walk. */
#include "evaluator/data/frontmatter.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/mem.h"

enum { MAX_BYTES = 4 << 20, MAX_DEPTH = 32, MAX_NODES = 500000, MAX_ANCHORS = 1000 };

/* A node that aliases may stand for. */
struct anchor {
    char *name;
    json_t *value;
    unsigned nodes;
};

struct walk {
    yaml_parser_t parser;
    unsigned depth, nodes;
    struct anchor *anchors; /* a name may be given again: the last one counts */
    size_t n_anchors, capacity;
    bool typed;       /* plain scalars are numbers and truths where they read so */
    unsigned line;    /* of the file, of the first line that is read here */
    const char *what; /* for messages */
    struct err *err;
};

static void *refuse(struct walk *w, const yaml_event_t *event, const char *what) {
    err_set(w->err, ERR_INPUT, "%s line %zu: %s", w->what, event->start_mark.line + w->line, what);
    return NULL;
}

static bool next_event(struct walk *w, yaml_event_t *event) {
    if (yaml_parser_parse(&w->parser, event))
        return true;
    return err_set(w->err, ERR_INPUT, "%s line %zu: not YAML: %s", w->what,
        w->parser.problem_mark.line + w->line,
        w->parser.problem ? w->parser.problem : "unreadable");
}

static bool is_null(const char *text, size_t n) {
    static const char *const WORDS[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (strlen(WORDS[i]) == n && memcmp(WORDS[i], text, n) == 0)
            return true;
    return false;
}

/* A plain scalar that is a number or a truth to YAML 1.1 and 1.2 alike; NULL: it is text. */
static json_t *typed_scalar(const char *text, size_t n) {
    static const char FIRST[] = "+-.0123456789";
    char *end;
    errno = 0;
    if ((n == 4 && !strcasecmp(text, "true")) || (n == 5 && !strcasecmp(text, "false")))
        return json_boolean(n == 4);
    if (n == 0 || strlen(text) != n || !strchr(FIRST, *text) || strpbrk(text, "xXoO_:nNpP"))
        return NULL;
    if (!strpbrk(text, ".eE") && (n == 1 || *text != '0')) {
        const long long v = strtoll(text, &end, 10);
        if (!*end && errno == 0)
            return json_integer(v);
    }
    const double v = strtod(text, &end);
    return *end || !isfinite(v) || !strchr(text, '.') ? NULL : json_real(v);
}

static json_t *scalar(struct walk *w, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    if (event->data.scalar.plain_implicit && is_null(text, n))
        return json_null();
    json_t *value = w->typed && event->data.scalar.plain_implicit ? typed_scalar(text, n) : NULL;
    if (!value)
        value = json_stringn(text, n);
    return value ? value : refuse(w, event, "not text");
}

static json_t *node(struct walk *w, yaml_event_t *event);

static json_t *sequence(struct walk *w) {
    json_t *array = json_array();
    for (;;) {
        yaml_event_t event;
        if (!next_event(w, &event))
            break;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = end ? NULL : node(w, &event);
        yaml_event_delete(&event);
        if (end)
            return array;
        if (json_array_append_new(array, item) != 0)
            break;
    }
    json_decref(array);
    return NULL;
}

/* The key of the next entry into `key`; false at the mapping's end and on failure. */
static bool mapping_key(struct walk *w, json_t *object, json_t **key, bool *end) {
    yaml_event_t event;
    if (!next_event(w, &event))
        return false;
    *end = event.type == YAML_MAPPING_END_EVENT;
    bool ok = false;
    if (event.type == YAML_SCALAR_EVENT) {
        *key = json_stringn((const char *)event.data.scalar.value, event.data.scalar.length);
        ok = *key && !json_object_get(object, json_string_value(*key));
        if (!ok)
            refuse(w, &event, "a key is not text, or given twice");
    } else if (!*end)
        refuse(w, &event, "a key is not a scalar");
    yaml_event_delete(&event);
    return ok;
}

/* "<<": what a mapping, or each of a list of them, says, as far as the object doesn't. */
static void merge(json_t *object) {
    json_t *from = json_incref(json_object_get(object, "<<"));
    json_object_del(object, "<<");
    if (json_is_object(from))
        json_object_update_missing(object, from);
    for (size_t i = 0; i < json_array_size(from); i++)
        json_object_update_missing(object, json_array_get(from, i));
    json_decref(from);
}

static json_t *mapping(struct walk *w) {
    json_t *object = json_object();
    for (;;) {
        json_t *key = NULL, *value = NULL;
        bool end = false;
        yaml_event_t event;
        if (mapping_key(w, object, &key, &end) && next_event(w, &event)) {
            value = node(w, &event);
            yaml_event_delete(&event);
        }
        bool ok = value && json_object_set_new(object, json_string_value(key), value) == 0;
        json_decref(key);
        if (end) {
            merge(object);
            return object;
        }
        if (!ok)
            break;
    }
    json_decref(object);
    return NULL;
}

/* ---- anchors ---- */

static const char *anchor_of(const yaml_event_t *event) {
    const yaml_char_t *name =
        event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
        : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
        : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
                                                   : NULL;
    return (const char *)name;
}

static bool keep_anchor(struct walk *w, const yaml_event_t *event, json_t *value, unsigned nodes) {
    if (w->n_anchors == MAX_ANCHORS)
        return refuse(w, event, "too many anchors") != NULL;
    mem_grow(&w->anchors, &w->capacity, w->n_anchors + 1, sizeof *w->anchors);
    w->anchors[w->n_anchors++] =
        (struct anchor) { xstrdup(anchor_of(event)), json_incref(value), nodes };
    return true;
}

/* A copy, which counts as much as what it copies: aliases of aliases would grow without bound. */
static json_t *alias(struct walk *w, const yaml_event_t *event) {
    for (size_t i = w->n_anchors; i-- > 0;) {
        const struct anchor *a = &w->anchors[i];
        if (strcmp(a->name, (const char *)event->data.alias.anchor) != 0)
            continue;
        w->nodes += a->nodes;
        return w->nodes <= MAX_NODES ? json_deep_copy(a->value)
                                     : refuse(w, event, "too many nodes through aliases");
    }
    return refuse(w, event, "an alias of nothing before it");
}

static void release_anchors(struct walk *w) {
    for (size_t i = 0; i < w->n_anchors; i++) {
        free(w->anchors[i].name);
        json_decref(w->anchors[i].value);
    }
    free(w->anchors);
}

static json_t *node_of(struct walk *w, yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar(w, event);
    case YAML_SEQUENCE_START_EVENT:
        return sequence(w);
    case YAML_MAPPING_START_EVENT:
        return mapping(w);
    case YAML_ALIAS_EVENT:
        return alias(w, event);
    default:
        return refuse(w, event, "unexpected structure");
    }
}

static json_t *node(struct walk *w, yaml_event_t *event) {
    unsigned before = w->nodes;
    if (++w->nodes > MAX_NODES || w->depth >= MAX_DEPTH)
        return refuse(w, event, "too many nodes, or nested too deep");
    w->depth++;
    json_t *value = node_of(w, event);
    w->depth--;
    if (value && anchor_of(event) && !keep_anchor(w, event, value, w->nodes - before)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* Past the stream's and the document's start to its one node. An empty block is an empty object. */
static json_t *document(struct walk *w) {
    for (;;) {
        yaml_event_t event;
        if (!next_event(w, &event))
            return NULL;
        yaml_event_type_t type = event.type;
        bool before = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT;
        json_t *value = NULL;
        if (type == YAML_STREAM_END_EVENT)
            value = json_object();
        else if (!before)
            value = node(w, &event);
        yaml_event_delete(&event);
        if (!before)
            return value;
    }
}

bool frontmatter_find(const char *text, size_t n, const char **from, size_t *len) {
    if (n < 4 || memcmp(text, "---", 3) != 0 || (text[3] != '\n' && text[3] != '\r'))
        return false;
    const char *end = text + n, *line = memchr(text, '\n', n);
    if (!line)
        return false;
    *from = ++line;
    for (; line && line < end;
         line = memchr(line, '\n', (size_t)(end - line)), line = line ? line + 1 : NULL)
        if (end - line >= 3 && memcmp(line, "---", 3) == 0) {
            *len = (size_t)(line - *from);
            return true;
        }
    return false;
}

static json_t *parse(struct walk *w, const char *text, size_t n) {
    if (n > MAX_BYTES) {
        err_set(w->err, ERR_INPUT, "%s is over the ceiling of %d bytes", w->what, MAX_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&w->parser)) {
        err_set(w->err, ERR_RESOURCE, "could not start the YAML parser");
        return NULL;
    }
    yaml_parser_set_input_string(&w->parser, (const unsigned char *)text, n);
    json_t *value = document(w);
    yaml_parser_delete(&w->parser);
    release_anchors(w);
    return value;
}

static json_t *parse_block(const char *text, size_t n, bool typed, struct err *err) {
    const char *from;
    size_t len;
    if (!frontmatter_find(text, n, &from, &len))
        return NULL;
    return parse(&(struct walk) { .err = err, .typed = typed, .line = 2, .what = "front matter" },
        from, len);
}

json_t *frontmatter_parse(const char *text, size_t n, struct err *err) {
    return parse_block(text, n, false, err);
}

json_t *frontmatter_values(const char *text, size_t n, struct err *err) {
    return parse_block(text, n, true, err);
}

json_t *yaml_values(const char *text, size_t n, struct err *err) {
    return parse(&(struct walk) { .err = err, .typed = true, .line = 1, .what = "YAML" }, text, n);
}
