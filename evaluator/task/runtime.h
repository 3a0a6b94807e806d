/* Inside the child: the Lua state of one task, the files that make it up, its data, and what C
 * lends to Lua. */
#ifndef ASSAY_RUNTIME_H
#define ASSAY_RUNTIME_H

#include <lua.h>

#include "base/json.h"
#include "base/luabox.h"
#include "evaluator/task/tree.h"
#include "evaluator/task/wire.h"
#include "evaluator/worker/sandbox.h"

enum {
    RUNTIME_MAX_TEXT = 16 << 20, /* of one string that a helper makes */
    RUNTIME_MAX_FILES = 64,      /* of one task's closure */
    RUNTIME_MAX_SOURCES = 64,
    RUNTIME_MAX_PARTS = 4096, /* splits of data sets that one task reads */
};

/* A file of the closure: its digest is part of the task's identity. */
struct runtime_file {
    char *name, sha256[65];
};

/* A data set or file that the task names, and where the parent says it lies. */
struct runtime_source {
    char *dir;                   /* folder of a hub data set, or NULL */
    char *file;                  /* or one file */
    char *format;                /* of the file; NULL: by its name */
    struct child_ranges *ranges; /* files of the folder that were left on the hub; NULL: none */
};

/* What has been opened: the digest of the data is over these. */
struct runtime_part {
    char *label, sha256[65];
};

/* Where the registry keeps what the prelude returned: describe and run. */
#define RUNTIME_DRIVER "assay.driver"

struct runtime {
    struct luabox *box;
    lua_State *L;
    struct task_tree tree;
    const char *path; /* of the task: in the tree, or a file */
    bool in_tree;
    struct strbuf source; /* text of the task file, for line numbers of fields */
    struct runtime_file files[RUNTIME_MAX_FILES];
    size_t n_files;
    struct runtime_source sources[RUNTIME_MAX_SOURCES];
    size_t n_sources;
    struct runtime_part *parts;
    size_t n_parts, parts_capacity;
    size_t freeze;  /* every part ends after so many rows, which the parent is told; 0: no */
    bool replay;    /* there is no data, only: */
    json_t *frozen; /* label of a part -> {"rows": [...], "labels": {column: {number: name}}}: rows
                       that were told, or that stand in the place of all data; NULL: neither */
    struct sandbox_report sandbox;
    struct err raised;     /* the last C error that went through Lua: keeps its class */
    struct strbuf closure; /* the texts of all files that may name columns */
    bool whole;            /* rows have all columns; else those that the closure names */
    bool wider;          /* it turned out that the task looks at others: what it has sent is void */
    struct wire_out out; /* to the parent */
};

/* The state's runtime, from any C function that Lua calls. */
struct runtime *runtime_of(lua_State *L);

/* Raises a C error as a Lua error. */
int runtime_raise(lua_State *L, const struct err *err);

/* luabox_call, with the class of a raised C error restored. */
MUST_CHECK bool runtime_call(struct runtime *r, int n_args, int n_results, struct err *err);

/* Opens the state, the helpers and the library's prelude; reads and runs the task file, whose value
 * is left on the stack. */
MUST_CHECK bool runtime_open(
    struct runtime *r, const char *variant, unsigned long heap_bytes, struct err *err);
void runtime_release(struct runtime *r);

/* SHA-256 over names and digests of the closure and over the data's repositories and revisions. */
void runtime_task_sha256(const struct runtime *r, const char *revisions, char hex[65]);
void runtime_data_sha256(const struct runtime *r, char hex[65]);

/* "path:line" of a field of the table that the task file returns; of the file's first line where it
 * isn't found. */
unsigned source_field_line(const char *text, size_t n, const char *field);

/* ---- frozen.c ---- */

/* The first rows of a part that has been opened, told to the parent and kept: the caller borrows
 * them. NULL on failure. */
struct data;
const json_t *runtime_freeze_part(
    struct runtime *r, const char *label, struct data *data, struct err *err);
/* Adds to {column: {number: name}} the names of class labels that a row holds. */
void runtime_note_labels(json_t *labels, const struct data *data, const json_t *row);
/* Takes a frame {"part", "row"} or {"part", "labels"} of the parent. */
void runtime_thaw(struct runtime *r, const json_t *frame);

/* ---- narrow.c: rows without the columns that a task can be seen not to name ---- */

/* A data_wants_fn: whether any file of the task holds the name as a word. */
bool runtime_names(void *runtime, const char *column, size_t n);
/* Notes that the task looked at what was left out, and ends it by a Lua error, which pcall may hold
 * up: nothing is sent any more. */
int runtime_widen(lua_State *L, const char *column);
/* Adds to a metatable on top of the stack what notices such looks; `leaves_out` is asked about the
 * rows at `rows`, a userdata on the stack. NULL as a name: about any. */
typedef bool runtime_leaves_out_fn(const void *rows, const char *column, size_t n);
void runtime_watch_rows(lua_State *L, int rows, runtime_leaves_out_fn *leaves_out);
/* next and rawget, which go past metatables, shall notice too. */
void runtime_open_narrow(lua_State *L);

/* The child's work where the request is to look at a file of data (peek.c). */
MUST_CHECK bool peek_serve(
    int out, const json_t *request, struct sandbox_report *sandbox, struct err *err);

/* Parts of the library that C lends: lua_text.c, lua_random.c, lua_rows.c. */
void runtime_open_text(lua_State *L);
void runtime_open_random(lua_State *L);
int runtime_rows(lua_State *L);       /* host.rows(source, parts, keep_text, narrow): an iterator,
                                         and what skips rows of it */
void runtime_push_draw(lua_State *L); /* host.draw (lua_draw.c) */
/* What luabox_push_json makes of the same value, without the JSON in between. */
struct value;
void runtime_push_value(lua_State *L, const struct value *v);

#endif
