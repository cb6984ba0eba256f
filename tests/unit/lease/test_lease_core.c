/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for leases, one test each, in virtual time. */
#include "tests/unit/lease/rig.h"

static void test_lease__unowned_and_ready_is_taken_at_once(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 5, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    rig_pass(&rig, 100);
    rig_expect(&rig, "0 scan\n0 row s1\n");
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig.now = tr_mono_add_ms(rig.now, 20);
    row = rig_row("s1", "me", 6, "TRIM_HORIZON");
    rig_answer(&rig, TR_OK, &row);
    rig_expect(&rig, "100 take s1 -/5 -> 6 by me\n"
                     "120 granted s1 at TRIM_HORIZON until 9600\n");
    assert_int_equal(tr_lease_core_counter(rig.core, TR_LIT("s1")), 6);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__unowned_and_ready_is_taken_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
