/* What the files of filters share. Private to this folder; filters.c has the table. */
#ifndef ASSAY_HARNESS_TEMPLATE_FILTER_H
#define ASSAY_HARNESS_TEMPLATE_FILTER_H

#include "harness/template/value.h"

#define FILTER(name) struct value name(struct run *r, struct value self, const struct call *call)
#define ARG(i) (call->args[i])

/* An argument as what a filter needs; `otherwise` if it wasn't given. */
bool filter_flag(struct value v, bool otherwise);
int64_t filter_whole(struct run *r, struct value v, int64_t otherwise);
struct value filter_text(struct run *r, struct value v); /* any value, printed */

/* A dictionary as a sequence of pairs. */
struct value filter_pairs(struct run *r, const struct dict *d, enum sequence_kind kind);

/* filter_text.c */
FILTER(filter_upper);
FILTER(filter_lower);
FILTER(filter_capitalize);
FILTER(filter_title);
FILTER(filter_trim);
FILTER(filter_replace);
FILTER(filter_string);
FILTER(filter_escape);
FILTER(filter_indent);
FILTER(filter_center);
FILTER(filter_truncate);
FILTER(filter_wordcount);
FILTER(filter_urlencode);
FILTER(filter_format);
FILTER(filter_tojson);

/* filter_number.c */
FILTER(filter_abs);
FILTER(filter_int);
FILTER(filter_float);
FILTER(filter_round);

/* filter_sequence.c */
FILTER(filter_length);
FILTER(filter_list);
FILTER(filter_first);
FILTER(filter_last);
FILTER(filter_reverse);
FILTER(filter_join);
FILTER(filter_items);
FILTER(filter_sum);
FILTER(filter_batch);
FILTER(filter_slice);

/* filter_order.c */
FILTER(filter_sort);
FILTER(filter_dictsort);
FILTER(filter_max);
FILTER(filter_min);
FILTER(filter_unique);
FILTER(filter_groupby);

/* filter_by_name.c */
FILTER(filter_map);
FILTER(filter_select);
FILTER(filter_reject);
FILTER(filter_selectattr);
FILTER(filter_rejectattr);

#endif
