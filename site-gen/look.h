/* What a team changes to make the site theirs, a Lua file that returns one table:
 *
 *     return {
 *       title = "Lovelace bench", lead = "Models, measured", about = "A sentence for the front
 * page.", logo = "logo.svg",                                  -- beside this file; .svg or .png
 *       colours = { light = { accent = "#7a3e00" }, dark = { accent = "#ffb870" } },
 *       links = { { text = "Imprint", url = "https://example.org/imprint" } },
 *     }
 *
 * It is read in the sandbox. A key that is unknown is an error that names the nearest one; so are
 * colours on which text would be hard to read (below 4.5:1), in either theme. */
#ifndef ASSAY_SITE_LOOK_H
#define ASSAY_SITE_LOOK_H

#include "base/strbuf.h"
#include "site-gen/site.h"

struct site_look {
    json_t *words; /* "title", "lead", "about", "links", "logo": its name, "imported": "apart" or
                      "rank", whether imported results are ranked; what is set */
    struct strbuf css;  /* custom properties; empty: the colours that the site has */
    struct strbuf logo; /* its bytes */
};
MUST_CHECK bool site_look_read(const char *path, struct site_look *look, struct err *err);
void site_look_release(struct site_look *look); /* a zeroed struct is fine */

/* The contrast of two colours "#rrggbb", 1 to 21, by WCAG 2; 0 where one is none. */
double colour_contrast(const char *a, const char *b);

#endif
