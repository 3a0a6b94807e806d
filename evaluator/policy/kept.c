/* A policy for who asks it for days (see policy.h): its text, read when there is another one. */
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "evaluator/policy/policy.h"
#include "evaluator/policy/policy_text.h"

/* Which file it was, as far as can be told without reading it. */
struct identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct policy_kept {
    pthread_mutex_t lock;
    char *name;
    const atomic_uint *asked; /* how often another reading was asked for */
    unsigned seen;
    policy_note *note;
    struct strbuf text;
    struct identity at; /* zeroes: shipped, or gone */
};

static struct identity identity_of(const char *name) {
    struct stat st;
    if (stat(name, &st) != 0) {
        return (struct identity) { 0 };
    }
    return (struct identity) { st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static bool same(const struct identity *a, const struct identity *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Takes the text that is there now, if it is a policy. What the file is is found out before it is
 * read: written meanwhile, it is read once more. */
static bool reread(struct policy_kept *k, struct err *err) {
    struct strbuf text = { 0 };
    k->seen = k->asked ? *k->asked : 0;
    k->at = identity_of(k->name);
    struct policy *p =
        policy_read(k->name, &text, err) ? policy_of_text(k->name, &text, err) : NULL;
    if (p) {
        strbuf_release(&k->text);
        k->text = text;
    } else {
        strbuf_release(&text);
    }
    policy_close(p);
    return p != NULL;
}

struct policy_kept *policy_kept_new(
    const char *name, const atomic_uint *asked, policy_note *note, struct err *err) {
    struct policy_kept *k = xcalloc(1, sizeof *k);
    pthread_mutex_init(&k->lock, NULL);
    k->name = xstrdup(policy_wanted(name));
    k->asked = asked;
    k->note = note;
    if (reread(k, err)) {
        return k;
    }
    policy_kept_free(k);
    return NULL;
}

void policy_kept_free(struct policy_kept *k) {
    if (k) {
        pthread_mutex_destroy(&k->lock);
        strbuf_release(&k->text);
        free(k->name);
        free(k);
    }
}

/* One that is being edited, or is gone, doesn't take the place of the one that was good. */
static void refresh(struct policy_kept *k) {
    struct identity now = identity_of(k->name);
    struct err why = ERR_INIT;
    char line[700];
    if (same(&now, &k->at) && k->seen == (k->asked ? *k->asked : 0)) {
        return;
    }
    if (reread(k, &why)) {
        snprintf(line, sizeof line, "policy '%.100s' was read again", k->name);
    } else {
        snprintf(line, sizeof line, "policy '%.100s' stays as it was: %s", k->name, why.msg);
    }
    k->note(why.class != ERR_NONE, line);
}

struct policy *policy_kept_open(struct policy_kept *k, struct err *err) {
    pthread_mutex_lock(&k->lock);
    refresh(k);
    struct policy *p = policy_of_text(k->name, &k->text, err);
    pthread_mutex_unlock(&k->lock);
    return p;
}
