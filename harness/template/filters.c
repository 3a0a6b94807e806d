/* Jinja's filters by name, and those that go with any value. Each is called with the value it
 * stands behind and its arguments bound to the parameters in the table at the end. */
#include "harness/template/filter.h"

#include <string.h>

bool filter_flag(struct value v, bool otherwise) {
    return is_given(v) ? value_truth(v) : otherwise;
}

struct value filter_text(struct run *r, struct value v) {
    const struct value text = value_str(r, v);
    return text.type == VALUE_STRING ? text : value_text("", 0);
}

int64_t filter_whole(struct run *r, struct value v, int64_t otherwise) {
    if (!is_given(v) || v.type == VALUE_NONE)
        return otherwise;
    if (!is_whole(v))
        run_fail(r, ERR_INPUT, "a whole number is needed, not '%s'", value_kind(v));
    return is_whole(v) ? whole_of(v) : otherwise;
}

static FILTER(filter_default) {
    (void)r;
    const struct value otherwise = is_given(ARG(0)) ? ARG(0) : value_text("", 0);
    return is_undefined(self) || (filter_flag(ARG(1), false) && !value_truth(self)) ? otherwise
                                                                                    : self;
}

static FILTER(filter_attr) {
    const struct value name = filter_text(r, ARG(0));
    const struct value v = self;
    if (is_undefined(v))
        return fail_undefined(r, v);
    const struct value copy = value_string(r, name.text, name.n);
    if (r->failed || v.type == VALUE_DICT) /* never an item */
        return r->failed                   ? copy
               : method_find(v, copy.text) ? value_native(r, method_find(v, copy.text), v)
                                           : value_undefined(copy.text);
    return value_attribute(r, v, copy.text);
}

static FILTER(filter_safe) {
    (void)call;
    return value_str(r, self);
}

static const struct native filters[] = {
    { "abs", filter_abs, "", 0 },
    { "attr", filter_attr, "name", 1 },
    { "batch", filter_batch, "linecount,fill_with", 1 },
    { "capitalize", filter_capitalize, "", 0 },
    { "center", filter_center, "width", 0 },
    { "count", filter_length, "", 0 },
    { "d", filter_default, "default_value,boolean", 0 },
    { "default", filter_default, "default_value,boolean", 0 },
    { "dictsort", filter_dictsort, "case_sensitive,by,reverse", 0 },
    { "e", filter_escape, "", 0 },
    { "escape", filter_escape, "", 0 },
    { "first", filter_first, "", 0 },
    { "float", filter_float, "default", 0 },
    { "forceescape", filter_escape, "", 0 },
    { "format", filter_format, NULL, 0 },
    { "groupby", filter_groupby, "attribute,default,case_sensitive", 1 },
    { "indent", filter_indent, "width,first,blank", 0 },
    { "int", filter_int, "default,base", 0 },
    { "items", filter_items, "", 0 },
    { "join", filter_join, "d,attribute", 0 },
    { "last", filter_last, "", 0 },
    { "length", filter_length, "", 0 },
    { "list", filter_list, "", 0 },
    { "lower", filter_lower, "", 0 },
    { "map", filter_map, NULL, 0 },
    { "max", filter_max, "case_sensitive,attribute", 0 },
    { "min", filter_min, "case_sensitive,attribute", 0 },
    { "reject", filter_reject, NULL, 0 },
    { "rejectattr", filter_rejectattr, NULL, 0 },
    { "replace", filter_replace, "old,new,count", 2 },
    { "reverse", filter_reverse, "", 0 },
    { "round", filter_round, "precision,method", 0 },
    { "safe", filter_safe, "", 0 },
    { "select", filter_select, NULL, 0 },
    { "selectattr", filter_selectattr, NULL, 0 },
    { "slice", filter_slice, "slices,fill_with", 1 },
    { "sort", filter_sort, "reverse,case_sensitive,attribute", 0 },
    { "string", filter_string, "", 0 },
    { "sum", filter_sum, "attribute,start", 0 },
    { "title", filter_title, "", 0 },
    { "tojson", filter_tojson, "ensure_ascii,indent,separators,sort_keys", 0 },
    { "trim", filter_trim, "chars", 0 },
    { "truncate", filter_truncate, "length,killwords,end,leeway", 0 },
    { "unique", filter_unique, "case_sensitive,attribute", 0 },
    { "upper", filter_upper, "", 0 },
    { "urlencode", filter_urlencode, "", 0 },
    { "wordcount", filter_wordcount, "", 0 },
};

const struct native *filter_find(const char *name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0)
            return &filters[i];
    return NULL;
}
