/* What is known of metrics by their names, Assay's and its peers': which way is better, and on what
 * scale the values lie. The one table that comparisons, means, pages and exported files go by.
 *
 * A task may say which way is better; its word is about its main metric and no other. */
#ifndef ASSAY_METRICS_H
#define ASSAY_METRICS_H

#include <jansson.h>
#include <stdbool.h>

enum metric_scale {
    METRIC_SHARE, /* 0 to 1 (a correlation: -1 to 1): shown in hundredths, may be part of a mean */
    METRIC_OPEN,  /* any other: a perplexity, bits, a squared error */
};

struct metric_rule {
    enum metric_scale scale;
    bool higher;   /* is better */
    double widest; /* how far two values can lie apart */
};

/* A name that is not in the table is a share, the higher the better. */
struct metric_rule metric_rule(const char *metric);

/* The same where `task` (a result, or what a task says of itself; NULL: nothing) has
 * "higher_is_better", which counts if `metric` is `main`. */
struct metric_rule metric_rule_of(const char *metric, const char *main, const json_t *task);

/* What a mean over tasks may be made of: shares that are better the higher. */
bool metric_averages(struct metric_rule rule);

#endif
