/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "tests/support/test.h"

static enum tr_cli_exit run_nothing(const struct tr_cli_args *args)
{
    (void)args;
    return TR_CLI_DONE;
}

static const struct tr_cli_flag flags[] = {
    {"limit", "N", "10", "most records"},     {"wait", "DURATION", NULL, "time to wait"},
    {"memory", "SIZE", NULL, "bytes to use"}, {"output", "FORM", "json", "json or pretty"},
    {"follow", NULL, NULL, "go on for ever"}, {NULL, NULL, NULL, NULL},
};

static const struct tr_cli_command command = {
    .name = "try",
    .summary = "try it",
    .operands = "TABLE [FILE...]",
    .flags = flags,
    .details = "More about it.\n",
    .operands_min = 1,
    .operands_max = 3,
    .aws = true,
    .run = run_nothing,
};

#define ARGV_MAX 8

static size_t length_of(char *const *argv)
{
    size_t n = 0;
    while (n < ARGV_MAX && argv[n] != NULL) {
        n++;
    }
    return n;
}

static enum tr_status parse(char *const *argv, struct tr_cli_args *args, struct tr_err *err)
{
    return tr_cli_parse(&command, length_of(argv), argv, args, err);
}

static char a[] = "a", b[] = "b", dash[] = "-", end[] = "--", follow[] = "--follow",
            limit[] = "--limit", limit_is[] = "--limit=7", seven[] = "7", region[] = "--region",
            region_is[] = "--region=x=y", wait_is[] = "--wait=500ms", memory_is[] = "--memory=1MiB",
            pretty[] = "--output=pretty", help[] = "--help", h[] = "-h";

static void test_flags__stand_anywhere_and_take_both_forms(void **state)
{
    char *const argv[] = {limit, seven, a, follow, region_is, dash, NULL};
    char *const joined[] = {limit_is, wait_is, memory_is, a, pretty, NULL};
    struct tr_cli_args args;
    struct tr_err err = {{0}};
    uint64_t number = 0;
    unsigned choice = 0;
    (void)state;

    tr_assert_status(parse(argv, &args, &err), TR_OK, &err);
    assert_true(tr_cli_u64(&args, "limit", 1, 100, &number));
    assert_int_equal(number, 7);
    assert_true(tr_cli_switch(&args, "follow"));
    assert_string_equal(tr_cli_string(&args, "region"), "x=y");
    assert_null(tr_cli_string(&args, "endpoint"));
    assert_int_equal(args.operand_count, 2);
    assert_string_equal(args.operands[0], "a");
    assert_string_equal(args.operands[1], "-");

    tr_assert_status(parse(joined, &args, &err), TR_OK, &err);
    assert_true(tr_cli_u64(&args, "limit", 1, 100, &number));
    assert_int_equal(number, 7);
    assert_true(tr_cli_duration_ms(&args, "wait", 0, 1000, &number));
    assert_int_equal(number, 500);
    assert_true(tr_cli_size(&args, "memory", 0, UINT64_MAX, &number));
    assert_int_equal(number, 1048576);
    assert_true(tr_cli_choice(&args, "output", "json|pretty", &choice));
    assert_int_equal(choice, 1);
    assert_false(tr_cli_switch(&args, "follow"));
}

static void test_flags__that_are_absent_have_their_default_or_change_nothing(void **state)
{
    char *const argv[] = {a, NULL};
    struct tr_cli_args args;
    uint64_t number = 99;
    unsigned choice = 9;
    (void)state;
    assert_int_equal(parse(argv, &args, NULL), TR_OK);
    assert_true(tr_cli_duration_ms(&args, "wait", 0, 1000, &number));
    assert_int_equal(number, 99);
    assert_true(tr_cli_u64(&args, "limit", 1, 100, &number));
    assert_int_equal(number, 10);
    assert_true(tr_cli_choice(&args, "output", "json|pretty", &choice));
    assert_int_equal(choice, 0);
}

static void test_flags__behind_two_dashes_are_operands(void **state)
{
    char *const argv[] = {a, end, follow, end, NULL};
    struct tr_cli_args args;
    (void)state;
    assert_int_equal(parse(argv, &args, NULL), TR_OK);
    assert_false(tr_cli_switch(&args, "follow"));
    assert_int_equal(args.operand_count, 3);
    assert_string_equal(args.operands[1], "--follow");
    assert_string_equal(args.operands[2], "--");
}

static void test_flags__that_are_wrong_are_told(void **state)
{
    static char unknown[] = "--folow", far[] = "--zebra=1", valued[] = "--follow=yes", one[] = "-x",
                bare[] = "---";
    static const struct {
        char *argv[5];
        const char *says;
    } cases[] = {
        {{a, unknown}, "unknown flag '--folow' (did you mean '--follow'?)"},
        {{a, far}, "unknown flag '--zebra=1'"},
        {{a, one}, "unknown flag '-x'"},
        {{a, bare}, "unknown flag '---'"},
        {{a, valued}, "'--follow' takes no value"},
        {{a, limit}, "'--limit' needs a value: --limit N"},
        {{a, limit_is, limit, seven}, "'--limit' is given twice"},
        {{a, region_is, region, b}, "'--region' is given twice"},
        {{NULL}, "expected TABLE [FILE...]"},
        {{follow}, "expected TABLE [FILE...]"},
        {{a, b, a, b}, "unexpected argument 'b'"},
    };
    struct tr_cli_args args;
    struct tr_err err;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tr_assert_status(parse(cases[i].argv, &args, &err), TR_EUSAGE, &err);
        assert_string_equal(err.text, cases[i].says);
    }
}

static void test_values__out_of_range_are_refused_and_change_nothing(void **state)
{
    char *const argv[] = {a, limit_is, wait_is, pretty, NULL};
    struct tr_cli_args args;
    uint64_t number = 99;
    unsigned choice = 9;
    (void)state;
    assert_int_equal(parse(argv, &args, NULL), TR_OK);
    assert_false(tr_cli_u64(&args, "limit", 8, 100, &number));
    assert_false(tr_cli_duration_ms(&args, "wait", 501, 1000, &number));
    assert_false(tr_cli_choice(&args, "output", "json|text", &choice));
    assert_int_equal(number, 99);
    assert_int_equal(choice, 9);
}

static void test_help__is_asked_for_whatever_else_is_given(void **state)
{
    char *const argv[] = {help, NULL};
    char *const brief[] = {h, NULL};
    struct tr_cli_args args;
    (void)state;
    assert_int_equal(parse(argv, &args, NULL), TR_OK);
    assert_true(tr_cli_switch(&args, "help"));
    assert_int_equal(parse(brief, &args, NULL), TR_OK);
    assert_true(tr_cli_switch(&args, "help"));
}

static void test_help__names_every_flag_with_its_default(void **state)
{
    struct tr_buf out = {0};
    (void)state;
    tr_cli_command_help(&command, &out);
    tr_assert_bytes(tr_buf_bytes(&out),
                    "usage: tailrace try [FLAG...] TABLE [FILE...]\n"
                    "\n"
                    "try it\n"
                    "\n"
                    "  --limit N              most records (default 10)\n"
                    "  --wait DURATION        time to wait\n"
                    "  --memory SIZE          bytes to use\n"
                    "  --output FORM          json or pretty (default json)\n"
                    "  --follow               go on for ever\n"
                    "  --endpoint URL         where DynamoDB and DynamoDB Streams are found\n"
                    "  --region NAME          region whose services are called\n"
                    "  --help                 print this help\n"
                    "\n"
                    "More about it.\n");
    tr_buf_deinit(&out);
}

static void test_commands__are_documented_and_fit_their_help(void **state)
{
    struct tr_buf out = {0};
    size_t i;
    (void)state;
    tr_cli_help(&out);
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        const struct tr_cli_command *row = tr_cli_commands[i];
        const struct tr_cli_flag *flag;
        tr_assert_has(out.ptr, row->summary);
        assert_non_null(row->run);
        assert_true(row->operands_max <= TR_CLI_OPERANDS_MAX);
        assert_true(row->operands_min <= row->operands_max);
        assert_true((row->operands[0] == '\0') == (row->operands_max == 0));
        for (flag = row->flags; flag != NULL && flag->name != NULL; flag++) {
            assert_true(flag->doc[strlen(flag->doc) - 1] != '.');
            assert_true(flag->value != NULL || flag->default_text == NULL);
            assert_true(strlen(flag->name) + (flag->value != NULL ? strlen(flag->value) : 0) < 40);
        }
    }
    tr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags__stand_anywhere_and_take_both_forms),
        cmocka_unit_test(test_flags__that_are_absent_have_their_default_or_change_nothing),
        cmocka_unit_test(test_flags__behind_two_dashes_are_operands),
        cmocka_unit_test(test_flags__that_are_wrong_are_told),
        cmocka_unit_test(test_values__out_of_range_are_refused_and_change_nothing),
        cmocka_unit_test(test_help__is_asked_for_whatever_else_is_given),
        cmocka_unit_test(test_help__names_every_flag_with_its_default),
        cmocka_unit_test(test_commands__are_documented_and_fit_their_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
