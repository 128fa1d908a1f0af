/* Draws over numpy's distributions (numpy/random/distributions.h, linked statically). */
#include <Python.h>

#include <numpy/random/distributions.h>

#include "engine/draws/exponential.h"
#include "engine/draws/numpy.h"

static bitgen_t as_numpy(struct sfc *sfc)
{
    const bitgen_t bits = {sfc, sfc_word, sfc_half, sfc_unit, sfc_word};
    return bits;
}

static double standard_normal(struct sfc *sfc)
{
    bitgen_t bits = as_numpy(sfc);
    return random_standard_normal(&bits);
}

static double standard_gamma(struct sfc *sfc, double shape)
{
    bitgen_t bits = as_numpy(sfc);
    return random_standard_gamma(&bits, shape);
}

#include "engine/draws/streams.h"

void ps_numpy_prepare(void)
{
    prepare_exponential();
}

const struct ps_draws ps_numpy_draws = PS_DRAWS_HERE;
