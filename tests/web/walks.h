/* Walks from the front page to an answer (walks.c); web_check takes them. */
#ifndef ASSAY_TESTS_WEB_WALKS_H
#define ASSAY_TESTS_WEB_WALKS_H

#include "base/strbuf.h"

enum { CLICKS_MAX = 3, N_WALKS = 4 };

struct walk {
    const char *what, *from;
    int n_clicks;
    struct {
        const char *find;  /* the body of a function that gives what is clicked */
        const char *there; /* is true soon after */
    } clicks[CLICKS_MAX];
    const char *typed;    /* after the clicks, what is typed and picked by keys; or NULL */
    struct strbuf answer; /* a script that must return true soon */
};

void walks_make(struct walk walks[N_WALKS]);
void walks_release(struct walk walks[N_WALKS]);

#endif
