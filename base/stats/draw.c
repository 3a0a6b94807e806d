/* See draw.h. */
#include "base/stats/draw.h"

#include <math.h>

/* Box and Muller; the second number is not kept, as the state is one word. */
double draw_normal(struct draw *d) {
    double radius = sqrt(-2 * log(1 - draw_unit(d)));
    return radius * cos(2 * M_PI * draw_unit(d));
}
