/* SPDX-License-Identifier: Apache-2.0
 *
 * Condition, update and projection expressions: what they mean, and how a wrong one is refused. */
#include "tests/unit/local/item_test.h"

#define ITEM                                                                                       \
    "{'k':{'S':'u'},'a':{'N':'1'},'s':{'S':'hello'},'b':{'B':'AAEC'},'t':{'BOOL':true},"           \
    "'l':{'L':[{'N':'1'},{'N':'2'},{'N':'3'}]},'m':{'M':{'x':{'N':'1'},'y':{'L':[{'M':{'z':"       \
    "{'S':'w'}}}]}}},'ss':{'SS':['a','b']},'ns':{'NS':['1','2']}}"

static int setup(void **state)
{
    static struct model m;
    model_init(&m, 1, 1);
    make_items_table(&m, "items", NULL);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    model_deinit(*state);
    return 0;
}

static void put_item(struct model *m)
{
    expect(m, "PutItem", "{'TableName':'items','Item':" ITEM "}", 200, "{}");
}

/* --- conditions --- */

struct condition {
    const char *text;
    const char *values; /* of :a and the like; NULL: none */
    bool holds;
};

static const struct condition conditions[] = {
    {"a = :v", "':v':{'N':'1.0'}", true},
    {"a = :v", "':v':{'S':'1'}", false},
    {"a <> :v", "':v':{'S':'1'}", true},
    {"a <> :v", "':v':{'N':'1'}", false},
    {"zz <> :v", "':v':{'N':'1'}", true},
    {"zz = :v", "':v':{'N':'1'}", false},
    {"a < :v", "':v':{'N':'10'}", true},
    {"a < :v", "':v':{'S':'9'}", false},
    {"a >= :v AND a <= :v", "':v':{'N':'1'}", true},
    {"zz < :v", "':v':{'N':'1'}", false},
    {"NOT zz < :v", "':v':{'N':'1'}", true},
    {":v = a", "':v':{'N':'1'}", true},
    {"a BETWEEN :v AND :w", "':v':{'N':'0'},':w':{'N':'1'}", true},
    {"a BETWEEN :v AND :w", "':v':{'N':'2'},':w':{'N':'3'}", false},
    {"a IN (:v, :w)", "':v':{'S':'1'},':w':{'N':'1'}", true},
    {"zz IN (:v)", "':v':{'S':'1'}", false},
    {"attribute_exists(a)", NULL, true},
    {"attribute_exists(m.y[0].z)", NULL, true},
    {"attribute_exists(m.y[1].z)", NULL, false},
    {"attribute_exists(s.x)", NULL, false},
    {"attribute_not_exists(zz)", NULL, true},
    {"attribute_not_exists(l[3])", NULL, true},
    {"attribute_type(l, :v)", "':v':{'S':'L'}", true},
    {"attribute_type(zz, :v)", "':v':{'S':'L'}", false},
    {"begins_with(s, :v)", "':v':{'S':'he'}", true},
    {"begins_with(s, :v)", "':v':{'S':''}", true},
    {"begins_with(s, :v)", "':v':{'S':'hello!'}", false},
    {"begins_with(b, :v)", "':v':{'B':'AAE='}", true},
    {"contains(s, :v)", "':v':{'S':'ell'}", true},
    {"contains(s, :v)", "':v':{'S':'elo'}", false},
    {"contains(s, :v)", "':v':{'S':'hello'}", true},
    {"contains(s, :v)", "':v':{'S':'hello!'}", false},
    {"contains(s, :v)", "':v':{'S':'o'}", true},
    {"contains(s, :v)", "':v':{'S':''}", true},
    {"contains(ss, :v)", "':v':{'S':'b'}", true},
    {"contains(ns, :v)", "':v':{'N':'2.0'}", true},
    {"contains(ns, :v)", "':v':{'S':'2'}", false},
    {"contains(l, :v)", "':v':{'N':'3'}", true},
    {"contains(a, :v)", "':v':{'N':'1'}", false},
    {"size(s) = :v", "':v':{'N':'5'}", true},
    {"size(l) > :v AND size(ss) = :w AND size(m) = :w", "':v':{'N':'2'},':w':{'N':'2'}", true},
    {"size(b) = :v", "':v':{'N':'3'}", true},
    {"size(a) = :v", "':v':{'N':'1'}", false},
    {"m.x = :v", "':v':{'N':'1'}", true},
    {"m = :v", "':v':{'M':{'y':{'L':[{'M':{'z':{'S':'w'}}}]},'x':{'N':'1.0'}}}", true},
    {"ss = :v", "':v':{'SS':['b','a']}", true},
    {"l[1] = :v", "':v':{'N':'2'}", true},
    {"l = :v", "':v':{'L':[{'N':'3'},{'N':'2'},{'N':'1'}]}", false},
    {"a = :v OR a = :w AND s = :v", "':v':{'N':'1'},':w':{'N':'2'}", true},
    {"(a = :v OR a = :w) AND s = :v", "':v':{'N':'1'},':w':{'N':'2'}", false},
    {"NOT a = :w AND a = :v", "':v':{'N':'1'},':w':{'N':'2'}", true},
    {"not (a = :w) and NoT NOT a = :v", "':v':{'N':'1'},':w':{'N':'2'}", true},
    {"(a) = (:v)", "':v':{'N':'1'}", true},
    {"\\n a\\t=:v", "':v':{'N':'1'}", true},
};

static void test_condition__means_what_the_service_means(void **state)
{
    struct model *m = *state;
    size_t i;
    put_item(m);
    for (i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        const struct condition *c = &conditions[i];
        char request[1024], answer[1024];
        unsigned status;
        snprintf(request, sizeof request,
                 "{'TableName':'items','Key':{'k':{'S':'u'}},'ConditionExpression':'%s'%s%s%s}",
                 c->text, c->values != NULL ? ",'ExpressionAttributeValues':{" : "",
                 c->values != NULL ? c->values : "", c->values != NULL ? "}" : "");
        status = ask(m, "UpdateItem", request, answer, sizeof answer);
        if (status != (c->holds ? 200u : 400u) ||
            (!c->holds && strstr(answer, "ConditionalCheckFailedException") == NULL)) {
            fail_msg("%s %s: got %u %s", c->text, c->values, status, answer);
        }
    }
}

struct refusal {
    const char *text;
    const char *values;
    const char *message;
};

static const struct refusal refusals[] = {
    {"", NULL, "The expression can not be empty;"},
    {" ", NULL, "Syntax error; token: '<EOF>', near: ' '"},
    {"a =", NULL, "Syntax error; token: '<EOF>', near: '='"},
    {"a x b", NULL, "Syntax error; token: 'x', near: 'a x b'"},
    {"= a", NULL, "Syntax error; token: '=', near: '= a'"},
    {"a = :v )", "':v':{'S':'x'}", "Syntax error; token: ')', near: ':v )'"},
    {"(a = :v", "':v':{'S':'x'}", "Syntax error; token: '<EOF>', near: ':v'"},
    {"a[x] = :v", "':v':{'S':'x'}", "Syntax error; token: 'x', near: '[x]'"},
    {"a = 1", NULL, "Syntax error; token: '1', near: '= 1'"},
    {"NOT a", NULL, "Syntax error; token: '<EOF>', near: 'a'"},
    {"a AND b = :v", "':v':{'S':'x'}", "Syntax error; token: 'AND', near: 'a AND b'"},
    {"foo(a)", NULL, "Invalid function name; function: foo"},
    {"size(a)", NULL,
     "The function is not allowed to be used this way in an expression; function: size"},
    {"a = attribute_exists(b)", NULL,
     "The function is not allowed to be used this way in an expression; function: "
     "attribute_exists"},
    {"if_not_exists(a, :v) = :v", "':v':{'S':'x'}",
     "The function is not allowed in a condition expression; function: if_not_exists"},
    {"((a = :v))", "':v':{'S':'x'}", "The expression has redundant parentheses;"},
    {"name = :v", "':v':{'S':'x'}", "Attribute name is a reserved keyword; reserved keyword: name"},
    {"#n = :v", "':v':{'S':'x'}",
     "An expression attribute name used in the document path is not defined; attribute name: #n"},
    {"a = :w", "':v':{'S':'x'}",
     "An expression attribute value used in expression is not defined; attribute value: :w"},
    {"attribute_exists(:v)", "':v':{'S':'x'}",
     "Operator or function requires a document path; operator or function: attribute_exists"},
    {"begins_with(a)", NULL,
     "Incorrect number of operands for operator or function; operator or function: begins_with, "
     "number of operands: 1"},
    {"begins_with(a, :v)", "':v':{'N':'1'}",
     "Incorrect operand type for operator or function; operator or function: begins_with, operand "
     "type: N"},
    {"a < :v", "':v':{'BOOL':true}",
     "Incorrect operand type for operator or function; operator or function: <, operand type: "
     "BOOL"},
    {"a = a", NULL,
     "The first operand must be distinct from the remaining operands for this operator or "
     "function; operator: =, first operand: [a]"},
    {"a BETWEEN :v AND :w", "':v':{'S':'b'},':w':{'S':'a'}",
     "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower "
     "bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"},
    {"a[99999999999] = :v", "':v':{'S':'b'}",
     "List index is not within the allowable range; index: [99999999999]"},
};

static void test_condition__wrong_ones_are_refused_by_name(void **state)
{
    struct model *m = *state;
    size_t i;
    put_item(m);
    for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        char request[1024], answer[2048], message[1024], *at;
        snprintf(request, sizeof request,
                 "{'TableName':'items','Key':{'k':{'S':'u'}},'ConditionExpression':'%s'%s%s%s}",
                 r->text, r->values != NULL ? ",'ExpressionAttributeValues':{" : "",
                 r->values != NULL ? r->values : "", r->values != NULL ? "}" : "");
        assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
        snprintf(message, sizeof message, "'Invalid ConditionExpression: %s'", r->message);
        while ((at = strstr(answer, "\\'")) != NULL) { /* quotes inside the message */
            memmove(at, at + 1, strlen(at));
        }
        if (strstr(answer, message) == NULL) {
            fail_msg("%s: got %s, want %s", r->text, answer, message);
        }
    }
}

static void test_condition__in_takes_a_hundred_values(void **state)
{
    static const char tail[] = "a)','ExpressionAttributeNames':{'#a':'a'}}";
    char request[2048], answer[2048];
    size_t len, i;

    len = (size_t)snprintf(request, sizeof request,
                           "{'TableName':'items','Key':{'k':{'S':'u'}},'ConditionExpression':"
                           "'z IN (");
    for (i = 0; i < 99; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, "#a,");
    }
    snprintf(request + len, sizeof request - len, "#%s", tail);
    (void)ask(*state, "UpdateItem", request, answer, sizeof answer);
    assert_null(strstr(answer, "operands"));
    snprintf(request + len, sizeof request - len, "#a,#%s", tail);
    assert_int_equal(ask(*state, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "Invalid ConditionExpression: The IN operator is provided with too many "
                          "operands; number of operands: 101");
}

static void test_condition__depth_and_length_are_limited(void **state)
{
    struct model *m = *state;
    char request[6000], answer[2048];
    size_t len, i;
    /* parentheses */
    len = (size_t)snprintf(request, sizeof request,
                           "{'TableName':'items','Key':{'k':{'S':'u'}},'ConditionExpression':'");
    memset(request + len, '(', 4000);
    snprintf(request + len + 4000, sizeof request - len - 4000, "'}");
    assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "too many nesting levels");
    /* NOT NOT NOT ... */
    for (i = 0; i < 1000; i++) {
        memcpy(request + len + 4 * i, "NOT ", 4);
    }
    assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "Invalid ConditionExpression: ");
    /* more than 4 KB */
    memset(request + len, 'a', 4097);
    snprintf(request + len + 4097, sizeof request - len - 4097, "'}");
    assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "Expression size has exceeded the maximum allowed size; expression size: "
                          "4097");
}

static void test_placeholders__each_is_defined_used_and_well_named(void **state)
{
    struct model *m = *state;
#define WITH(rest) "{'TableName':'items','Item':{'k':{'S':'p'}}," rest "}"
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'#a <> :v','ExpressionAttributeNames':{'#a':'x',"
                        "'#b':'y','#c':'z'},'ExpressionAttributeValues':{':v':{'S':'1'}}"),
                   "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b, "
                   "#c}");
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'a <> :v','ExpressionAttributeValues':{':v':{'S':"
                        "'1'},':w':{'S':'2'}}"),
                   "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}");
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'a <> :v','ExpressionAttributeValues':{'v':{'S':'1'}"
                        "}"),
                   "ExpressionAttributeValues contains invalid key: Syntax error; key: \\'v\\'");
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'a <> :v','ExpressionAttributeValues':{':v':{'N':"
                        "'x'}}"),
                   "ExpressionAttributeValues contains invalid value: The parameter cannot be "
                   "converted to a numeric value: x for key :v");
    expect_invalid(m, "PutItem", WITH("'ExpressionAttributeNames':{'#a':'x'}"),
                   "ExpressionAttributeNames can only be specified when using expressions");
    expect_invalid(m, "PutItem", WITH("'ExpressionAttributeValues':{':a':{'S':'x'}}"),
                   "ExpressionAttributeValues can only be specified when using expressions: "
                   "ConditionExpression is null");
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'a <> b','ExpressionAttributeNames':{}"),
                   "ExpressionAttributeNames must not be empty");
    expect_invalid(m, "PutItem",
                   WITH("'ConditionExpression':'a <> b','Expected':{'a':{'Exists':false}}"),
                   "Can not use both expression and non-expression parameters in the same request: "
                   "Non-expression parameters: {Expected} Expression parameters: "
                   "{ConditionExpression}");
#undef WITH
}

/* --- updates --- */

struct update {
    const char *text;
    const char *values;
    const char *shown; /* UPDATED_NEW; NULL: nothing */
};

static const struct update updates[] = {
    {"SET n = :v", "':v':{'S':'x'}", "{'n':{'S':'x'}}"},
    {"SET a = a + :v", "':v':{'N':'0.5'}", "{'a':{'N':'1.5'}}"},
    {"SET a = :v - a", "':v':{'N':'0.5'}", "{'a':{'N':'-0.5'}}"},
    {"SET a = (a + :v)", "':v':{'N':'1'}", "{'a':{'N':'2'}}"},
    {"SET n = a, a = s", NULL, "{'a':{'S':'hello'},'n':{'N':'1'}}"},
    {"SET s = a, a = s", NULL, "{'a':{'S':'hello'},'s':{'N':'1'}}"},
    {"SET n = if_not_exists(zz, :v)", "':v':{'N':'1'}", "{'n':{'N':'1'}}"},
    {"SET n = if_not_exists(s, :v)", "':v':{'N':'1'}", "{'n':{'S':'hello'}}"},
    {"SET n = if_not_exists(n, :z) + :v", "':v':{'N':'1'},':z':{'N':'0'}", "{'n':{'N':'1'}}"},
    {"SET l = list_append(l, :v)", "':v':{'L':[{'S':'e'}]}",
     "{'l':{'L':[{'N':'1'},{'N':'2'},{'N':'3'},{'S':'e'}]}}"},
    {"SET l = list_append(:v, l)", "':v':{'L':[{'S':'e'}]}",
     "{'l':{'L':[{'S':'e'},{'N':'1'},{'N':'2'},{'N':'3'}]}}"},
    {"SET l[0] = l[2], l[2] = l[0]", NULL, "{'l':{'L':[{'N':'3'},{'N':'1'}]}}"},
    {"SET m.x = :v", "':v':{'S':'q'}", "{'m':{'M':{'x':{'S':'q'}}}}"},
    {"SET m.y[0].z = :v", "':v':{'S':'q'}", "{'m':{'M':{'y':{'L':[{'M':{'z':{'S':'q'}}}]}}}}"},
    {"SET m.nn = :v", "':v':{'S':'q'}", "{'m':{'M':{'nn':{'S':'q'}}}}"},
    {"ADD a :v", "':v':{'N':'41'}", "{'a':{'N':'42'}}"},
    {"ADD zz :v", "':v':{'N':'41'}", "{'zz':{'N':'41'}}"},
    {"ADD ss :v", "':v':{'SS':['c','a']}", "{'ss':{'SS':['a','b','c']}}"},
    {"DELETE ss :v", "':v':{'SS':['a','q']}", "{'ss':{'SS':['b']}}"},
    {"DELETE ss :v", "':v':{'SS':['a','b']}", NULL},
    {"DELETE zz :v", "':v':{'SS':['a','b']}", NULL},
    {"ADD ns :v", "':v':{'NS':['10','-1','1.0']}", "{'ns':{'NS':['-1','1','2','10']}}"},
    {"DELETE ns :v", "':v':{'NS':['10','-1','1.0']}", "{'ns':{'NS':['2']}}"},
    {"REMOVE a, s", NULL, NULL},
    {"set a = :v remove s add zz :v delete ss :w", "':v':{'N':'5'},':w':{'SS':['a']}",
     "{'a':{'N':'5'},'ss':{'SS':['b']},'zz':{'N':'5'}}"},
};

static void test_update__writes_what_the_service_writes(void **state)
{
    struct model *m = *state;
    size_t i;
    for (i = 0; i < sizeof updates / sizeof updates[0]; i++) {
        const struct update *u = &updates[i];
        char request[1024], answer[1024];
        put_item(m);
        snprintf(request, sizeof request,
                 "{'TableName':'items','Key':{'k':{'S':'u'}},'ReturnValues':'UPDATED_NEW',"
                 "'UpdateExpression':'%s'%s%s%s}",
                 u->text, u->values != NULL ? ",'ExpressionAttributeValues':{" : "",
                 u->values != NULL ? u->values : "", u->values != NULL ? "}" : "");
        snprintf(answer, sizeof answer, "{%s%s}", u->shown != NULL ? "'Attributes':" : "",
                 u->shown != NULL ? u->shown : "");
        expect(m, "UpdateItem", request, 200, answer);
    }
}

static void test_update__list_places_are_those_before_the_update(void **state)
{
    struct model *m = *state;
    put_item(m);
    expect(m, "UpdateItem",
           "{'TableName':'items','Key':{'k':{'S':'u'}},'UpdateExpression':'REMOVE l[0], l[2] SET "
           "l[9] = :v, l[7] = :w','ExpressionAttributeValues':{':v':{'S':'9'},':w':{'S':'7'}}}",
           200, "{}");
    expect(m, "GetItem", "{'TableName':'items','Key':{'k':{'S':'u'}},'ProjectionExpression':'l'}",
           200, "{'Item':{'l':{'L':[{'N':'2'},{'S':'7'},{'S':'9'}]}}}");
}

/* 300 nested list_append of a list would be 120 MB; it is refused on the way there. */
static void test_update__cannot_be_made_to_grow_without_bound(void **state)
{
    struct model *m = *state;
    char request[6000], answer[512], *list;
    size_t bytes = 300000, len, i;
    list = tr_malloc(bytes + 200);
    assert_non_null(list);
    len = (size_t)snprintf(list, 200,
                           "{'TableName':'items','Item':{'k':{'S':'grow'},'l':{'L':[{'S':'");
    memset(list + len, 'x', bytes);
    memcpy(list + len + bytes, "'}]}}}", 7);
    expect(m, "PutItem", list, 200, "{}");
    tr_free(list);
    len =
        (size_t)snprintf(request, sizeof request,
                         "{'TableName':'items','Key':{'k':{'S':'grow'}},'UpdateExpression':'SET l "
                         "= ");
    for (i = 0; i < 100; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, "list_append(l, ");
    }
    len += (size_t)snprintf(request + len, sizeof request - len, "l");
    for (i = 0; i < 100; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, ")");
    }
    snprintf(request + len, sizeof request - len, "'}");
    assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "Item size to update has exceeded the maximum allowed size");
    len = (size_t)snprintf(request, sizeof request,
                           "{'TableName':'items','Key':{'k':{'S':'grow'}},'UpdateExpression':'SET "
                           "a0 = l");
    for (i = 1; i < 400; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, ",a%zu=l", i);
    }
    snprintf(request + len, sizeof request - len, "'}");
    assert_int_equal(ask(m, "UpdateItem", request, answer, sizeof answer), 400);
    tr_assert_has(answer, "Item size to update has exceeded the maximum allowed size");
    expect(m, "DeleteItem", "{'TableName':'items','Key':{'k':{'S':'grow'}}}", 200, "{}");
}

static const struct refusal update_refusals[] = {
    {"SET a = ", NULL,
     "Invalid UpdateExpression: Syntax error; token: \\'<EOF>\\', near: \\'= \\'"},
    {"a = :v", "':v':{'S':'x'}",
     "Invalid UpdateExpression: Syntax error; token: \\'a\\', near: \\'a =\\'"},
    {"SET a = a + a + a", NULL,
     "Invalid UpdateExpression: Syntax error; token: \\'+\\', near: \\'a + a\\'"},
    {"SET a = :v SET c = :v", "':v':{'S':'x'}",
     "Invalid UpdateExpression: The \\'SET\\' section can only be used once in an update "
     "expression;"},
    {"SET a = :v, a.c = :v", "':v':{'S':'x'}",
     "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite "
     "one of these paths; path one: [a], path two: [a, c]"},
    {"SET a.c = :v REMOVE a[0]", "':v':{'S':'x'}",
     "Invalid UpdateExpression: Two document paths conflict with each other; must remove or "
     "rewrite one of these paths; path one: [a, c], path two: [a, [0]]"},
    {"SET k = :v", "':v':{'S':'x'}",
     "One or more parameter values were invalid: Cannot update attribute k. This attribute is part "
     "of the key"},
    {"SET n = zz", NULL,
     "The provided expression refers to an attribute that does not exist in the item"},
    {"SET n = s + :v", "':v':{'N':'1'}",
     "An operand in the update expression has an incorrect data type"},
    {"SET a.c.d = :v", "':v':{'N':'1'}",
     "The document path provided in the update expression is invalid for update"},
    {"SET zz.d = :v", "':v':{'N':'1'}",
     "The document path provided in the update expression is invalid for update"},
    {"REMOVE zz.d", NULL,
     "The document path provided in the update expression is invalid for update"},
    {"ADD s :v", "':v':{'N':'1'}",
     "An operand in the update expression has an incorrect data type"},
    {"ADD a :v", "':v':{'S':'1'}",
     "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, "
     "operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"},
    {"DELETE a :v", "':v':{'N':'1'}",
     "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: DELETE, "
     "operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"},
    {"SET a = size(l)", NULL,
     "Invalid UpdateExpression: The function is not allowed in an update expression; function: "
     "size"},
    {"SET a = list_append(a, :v)", "':v':{'S':'1'}",
     "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
     "function: list_append, operand type: S"},
    {"SET a = a + :v", "':v':{'N':'1e-100'}",
     "Attempting to store more than 38 significant digits in a Number"},
};

static void test_update__wrong_ones_change_nothing(void **state)
{
    struct model *m = *state;
    char before[2048], after[2048];
    size_t i;
    put_item(m);
    assert_int_equal(ask(m, "Scan", "{'TableName':'items'}", before, sizeof before), 200);
    for (i = 0; i < sizeof update_refusals / sizeof update_refusals[0]; i++) {
        const struct refusal *r = &update_refusals[i];
        char request[1024];
        snprintf(request, sizeof request,
                 "{'TableName':'items','Key':{'k':{'S':'u'}},'UpdateExpression':'%s'%s%s%s}",
                 r->text, r->values != NULL ? ",'ExpressionAttributeValues':{" : "",
                 r->values != NULL ? r->values : "", r->values != NULL ? "}" : "");
        expect_invalid(m, "UpdateItem", request, r->message);
    }
    assert_int_equal(ask(m, "Scan", "{'TableName':'items'}", after, sizeof after), 200);
    assert_string_equal(before, after);
}

/* --- projections --- */

static void test_projection__shows_the_paths_and_no_more(void **state)
{
    struct model *m = *state;
    put_item(m);
#define GET(paths) "{'TableName':'items','Key':{'k':{'S':'u'}},'ProjectionExpression':'" paths "'}"
    expect(m, "GetItem", GET("s, a"), 200, "{'Item':{'a':{'N':'1'},'s':{'S':'hello'}}}");
    expect(m, "GetItem", GET("m.y[0].z, l[2], l[0]"), 200,
           "{'Item':{'l':{'L':[{'N':'1'},{'N':'3'}]},'m':{'M':{'y':{'L':[{'M':{'z':{'S':'w'}}}]}}}}"
           "}");
    expect(m, "GetItem", GET("zz, m.zz, l[9], s.x"), 200, "{'Item':{}}");
    expect_invalid(m, "GetItem", GET("m, m.x"),
                   "Invalid ProjectionExpression: Two document paths overlap with each other; must "
                   "remove or rewrite one of these paths; path one: [m], path two: [m, x]");
    expect_invalid(m, "GetItem", GET("s,"),
                   "Invalid ProjectionExpression: Syntax error; token: \\'<EOF>\\', near: \\',\\'");
#undef GET
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_condition__means_what_the_service_means),
        cmocka_unit_test(test_condition__wrong_ones_are_refused_by_name),
        cmocka_unit_test(test_condition__in_takes_a_hundred_values),
        cmocka_unit_test(test_condition__depth_and_length_are_limited),
        cmocka_unit_test(test_placeholders__each_is_defined_used_and_well_named),
        cmocka_unit_test(test_update__writes_what_the_service_writes),
        cmocka_unit_test(test_update__list_places_are_those_before_the_update),
        cmocka_unit_test(test_update__cannot_be_made_to_grow_without_bound),
        cmocka_unit_test(test_update__wrong_ones_change_nothing),
        cmocka_unit_test(test_projection__shows_the_paths_and_no_more),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
