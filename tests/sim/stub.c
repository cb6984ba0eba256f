/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the KCL-like worker until it is here. */
#include "tests/sim/kcl.h"

void kcl_effects_reset(struct kcl_effects *effects)
{
    (void)effects;
}
void kcl_effects_deinit(struct kcl_effects *effects)
{
    (void)effects;
}
struct kcl *kcl_new(const struct kcl_options *options, uint64_t now_ms)
{
    (void)options, (void)now_ms;
    return NULL;
}
void kcl_free(struct kcl *kcl)
{
    (void)kcl;
}
void kcl_step(struct kcl *kcl, const struct kcl_event *event, struct kcl_effects *out)
{
    (void)kcl, (void)event, (void)out;
}
uint64_t kcl_deadline(const struct kcl *kcl)
{
    (void)kcl;
    return UINT64_MAX;
}
size_t kcl_held(const struct kcl *kcl)
{
    (void)kcl;
    return 0;
}
