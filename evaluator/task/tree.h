/* The task library: a folder of Lua files, or the copy of it that is built into the program.
 *
 * A task's name is its file's name without .lua. A file whose name holds '@' stands for a family:
 * its first line lists the variants (`-- variants: anatomy astronomy ...`), and `mmlu_@.lua` is
 * then the task mmlu_anatomy and so on. */
#ifndef ASSAY_TREE_H
#define ASSAY_TREE_H

#include "base/embed.h"
#include "base/strbuf.h"

struct task_tree {
    const char *dir;                /* or NULL: */
    const struct embedded *builtin; /* the table that assay_embed made of tasks/ */
};

enum { TREE_MAX_FILE = 1 << 20 };

/* Appends the text of a file, named relative to the tree; names that lead outside are refused. */
MUST_CHECK bool tree_read(
    const struct task_tree *tree, const char *name, struct strbuf *out, struct err *err);

/* A name without "..", empty or hidden parts, and not absolute. */
bool tree_name_valid(const char *name);

struct tree_entry {
    const char *file;    /* "arc/arc_easy.lua" */
    const char *name;    /* "arc_easy" */
    const char *variant; /* of a family; NULL otherwise */
};
/* Every task and suite in the tree, by file and variant; the strings live during the call. Stops
 * where `each` says false. Kind protocols and library files (kind/, lib/) are not tasks. */
typedef bool tree_each_fn(const struct tree_entry *entry, void *arg);
MUST_CHECK bool tree_each(
    const struct task_tree *tree, tree_each_fn *each, void *arg, struct err *err);

/* The file of the task called `name`; *variant is NULL for a plain task. Both are the caller's. An
 * unknown name is ERR_NOT_FOUND and suggests the nearest. */
MUST_CHECK bool tree_find(
    const struct task_tree *tree, const char *name, char **file, char **variant, struct err *err);

#endif
