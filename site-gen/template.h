/* Page templates: HTML with Lua in it, compiled to Lua by the rules below.
 *
 *     {{ expression }}   prints a value, escaped for the place where it stands
 *     {% statements %}   Lua; alone on its line, it leaves no line behind
 *     {# comment #}
 *
 * The compiler follows the HTML: an expression in an element's content is escaped as text, in a
 * double-quoted attribute as an attribute, as the whole of a link (href, src, ...) as a link. Where
 * no escaping could be right it refuses to compile: in tags outside of values, in comments, scripts
 * and styles, in single quotes or none, in on* and style attributes. A value is markup only if it
 * is of the type that including a template gives; there is no syntax for raw output. The Lua text
 * has the template's line numbers, so every error names template and line. */
#ifndef ASSAY_SITE_TEMPLATE_H
#define ASSAY_SITE_TEMPLATE_H

#include "base/strbuf.h"

/* Appends Lua that returns function(d). `name` is for messages. */
MUST_CHECK bool template_compile(
    const char *name, const char *text, size_t len, struct strbuf *lua, struct err *err);

#endif
