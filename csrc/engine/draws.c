/* Draws in plain C, for users of the library: no numpy, no Python. The same streams as numpy.c. */
#include <math.h>

#include "engine/draws/sfc.h"

static inline double standard_exponential(struct sfc *sfc)
{
    return -log1p(-sfc_unit(sfc));
}

/* Marsaglia's polar method (Marsaglia and Bray, "A convenient method for generating normal
 * variables", 1964); the second number is not kept, so that a draw depends on the stream alone. */
static double standard_normal(struct sfc *sfc)
{
    double x, square;
    do {
        const double y = 2.0 * sfc_unit(sfc) - 1.0;
        x = 2.0 * sfc_unit(sfc) - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0 || square <= 0.0);
    return x * sqrt(-2.0 * log(square) / square);
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
static double standard_gamma(struct sfc *sfc, double shape)
{
    if (shape < 1.0) {
        const double power = pow(1.0 - sfc_unit(sfc), 1.0 / shape);
        return standard_gamma(sfc, shape + 1.0) * power;
    }
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = standard_normal(sfc), root = 1.0 + c * x, v = root * root * root;
        if (root > 0.0 && log(1.0 - sfc_unit(sfc)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

#include "engine/draws/streams.h"

const struct ps_draws ps_library_draws = PS_DRAWS_HERE;
