/* The structs of the checker that Python reads too. */
#include "checker/world.h"
#include "core/layouts.h"

#define F(name) PS_LAYOUT_FIELD(ps_act, name)
static const struct ps_layout_field act_fields[] = {
    F(kind), F(vcpu), F(plane), F(target), F(how), F(by), {0}
};
#undef F

const struct ps_layout ps_checker_layouts[] = {PS_LAYOUT(ps_act, act_fields), {0}};
