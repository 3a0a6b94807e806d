#include "base/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 16

struct entry {
    char place[48];
    unsigned from;
    bool onwards;
    int signal; /* 0: the place fails */
    atomic_uint passed;
};

static struct entry entries[ENTRIES_MAX];
static size_t n_entries;

static const struct {
    const char *name;
    int number;
} signals[] = { { "KILL", SIGKILL }, { "STOP", SIGSTOP }, { "SEGV", SIGSEGV }, { "ABRT", SIGABRT },
    { "TERM", SIGTERM } };

static int signal_named(const char *name) {
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!strcmp(name, signals[i].name))
            return signals[i].number;
    return -1;
}

static bool parse(const char *text, struct entry *e) {
    char signal[8] = "";
    int n = 0;
    if (sscanf(text, "%47[a-z0-9_]:%u%n", e->place, &e->from, &n) != 2 || e->from == 0)
        return false;
    text += n;
    e->onwards = *text == '+';
    text += e->onwards;
    if (*text == '!' && sscanf(text, "!%7[A-Z]%n", signal, &n) == 1)
        text += n;
    e->signal = *signal ? signal_named(signal) : 0;
    return e->signal >= 0 && *text == '\0';
}

/* A list that can't be read would make a test that tests nothing. */
static void read_list(void) {
    const char *list = getenv("ASSAY_FAULT");
    char *copy = list ? strdup(list) : NULL, *rest = NULL;
    for (char *item = copy ? strtok_r(copy, ",", &rest) : NULL; item;
         item = strtok_r(NULL, ",", &rest)) {
        if (n_entries == ENTRIES_MAX || !parse(item, &entries[n_entries])) {
            fprintf(stderr, "ASSAY_FAULT: '%s' is not PLACE:N[+][!SIGNAL]\n", item);
            abort();
        }
        n_entries++;
    }
    free(copy);
}

static bool is_due(struct entry *e) {
    unsigned passed = atomic_fetch_add(&e->passed, 1) + 1;
    return passed == e->from || (e->onwards && passed > e->from);
}

bool fault(const char *place) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool fails = false;
    pthread_once(&once, read_list);
    for (size_t i = 0; i < n_entries; i++) {
        struct entry *e = &entries[i];
        if (strcmp(e->place, place) != 0 || !is_due(e))
            continue;
        if (e->signal)
            raise(e->signal);
        else
            fails = true;
    }
    return fails;
}
