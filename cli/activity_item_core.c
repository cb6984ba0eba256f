/* SPDX-License-Identifier: Apache-2.0
 *
 * The content of the feed's items: a user of a shop with a profile, a cart and orders. The profile
 * follows from the user's number, what changes from the write's seed, so that a repeated write is
 * the same write. */
#include "cli/activity_item.h"

enum what {
    SIGNED_UP,
    CART_FILLED,
    ORDER_PLACED,
    PAYMENT_RECEIVED,
    PROFILE_CHANGED,
    ADDRESS_CHANGED,
    ACCOUNT_CLOSED,
};

static const char *const what_texts[] = {
    "signed_up",       "cart_filled",     "order_placed",   "payment_received",
    "profile_changed", "address_changed", "account_closed",
};

static const char *const given_names[] = {
    "Zoë",  "Łukasz", "José",  "Ayşe", "Nguyễn", "Søren", "Ольга", "Amélie",
    "太郎", "Seán",   "Björk", "Ines", "Πέτρος", "Noor",  "अनन्या", "Grace",
};
static const char *const family_names[] = {
    "Müller",       "Nowak",    "García", "Yılmaz",   "Thị Lan",       "Kierkegård",
    "Иванова",      "Lefèvre",  "山田",   "Ó Briain", "Ásgeirsdóttir", "Costa",
    "Παπαδόπουλος", "van Dijk", "शर्मा",   "Okafor",
};
static const char *const cities[] = {"Zürich", "Kraków",  "Málaga", "İzmir",  "Đà Nẵng",   "Århus",
                                     "Тверь",  "Orléans", "京都市", "Galway", "Reykjavík", "Porto"};
static const char *const streets[] = {"Bahnhofstraße", "ulica Długa", "Calle del Niño", "Rue d'Été",
                                      "Harbour Road",  "Mühlenweg",   "Vestergade",     "四条通"};
static const char *const countries[] = {"CH", "PL", "ES", "TR", "VN", "DK", "RU", "FR", "JP", "IE"};
static const char *const interests[] = {"garden", "music",   "cycling", "tea",
                                        "books",  "cooking", "chess",   "pottery"};
static const struct {
    const char *title;
    unsigned cents;
} products[] = {
    {"Teapot \"Morning\", 1 l", 3490},
    {"Crème brûlée torch", 2795},
    {"Walnut chess set", 8900},
    {"Fahrradklingel, Messing", 1250},
    {"抹茶 whisk", 1990},
    {"Wool socks, 2 pairs", 1480},
    {"Garden shears", 3120},
    {"Piñata kit", 2240},
    {"Paperback: The Mill", 1095},
    {"Clay, 5 kg", 1875},
    {"Guitar strings", 960},
    {"Saffron, 1 g \xf0\x9f\x8c\xb7", 795},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ATTRIBUTES_MAX 24u
#define PURCHASES_MAX 3u
#define VIEWED 6u

/* Attributes of a write, name and value; the values stand in one buffer. */
struct attributes {
    struct tr_buf values;
    struct {
        const char *name;
        size_t start;
    } at[ATTRIBUTES_MAX];
    size_t count;
};

void tr_activity_choose(const struct tr_activity_user *user, struct tr_activity_write *write)
{
    struct tr_random random;
    uint64_t drawn;

    tr_random_init(&random, write->seed);
    drawn = tr_random_below(&random, 100);
    write->stage = user->stage;
    if (write->kind == TR_WRITE_INSERT) {
        write->what = SIGNED_UP;
    } else if (write->kind == TR_WRITE_REMOVE) {
        write->what = ACCOUNT_CLOSED;
    } else if (drawn < 20) {
        write->what = drawn < 15 ? PROFILE_CHANGED : ADDRESS_CHANGED;
        return;
    } else if (user->stage == ORDER_PLACED) {
        write->what = PAYMENT_RECEIVED;
    } else if (user->stage == CART_FILLED && drawn < 60) {
        write->what = ORDER_PLACED;
    } else {
        write->what = CART_FILLED;
    }
    write->stage = write->what;
}

/* --- values ---------------------------------------------------------------------------------- */

/* Begin an attribute: its value is what is appended to the returned buffer until the next one. */
static struct tr_buf *attribute(struct attributes *attributes, const char *name)
{
    attributes->at[attributes->count].name = name;
    attributes->at[attributes->count].start = attributes->values.len;
    attributes->count++;
    return &attributes->values;
}

static void add_s(struct tr_buf *out, const char *text)
{
    tr_buf_add_str(out, "{\"S\":");
    tr_buf_add_json(out, tr_bytes_of(text));
    tr_buf_add_char(out, '}');
}

static void add_n(struct tr_buf *out, uint64_t number)
{
    tr_buf_printf(out, "{\"N\":\"%llu\"}", (unsigned long long)number);
}

static void add_price(struct tr_buf *out, uint64_t cents)
{
    tr_buf_printf(out, "{\"N\":\"%llu.%02llu\"}", (unsigned long long)(cents / 100),
                  (unsigned long long)(cents % 100));
}

static void add_bool(struct tr_buf *out, bool yes)
{
    tr_buf_printf(out, "{\"BOOL\":%s}", yes ? "true" : "false");
}

static void add_time(struct tr_buf *out, struct tr_wall at)
{
    tr_buf_add_str(out, "{\"S\":\"");
    tr_wall_format(out, at);
    tr_buf_add_str(out, "\"}");
}

#define PICK(random, array) (array)[tr_random_below((random), COUNT_OF(array))]

/* --- attributes ------------------------------------------------------------------------------ */

static void add_name(struct attributes *to, struct tr_random *random)
{
    char name[96];
    const char *given = PICK(random, given_names);
    (void)snprintf(name, sizeof name, "%s %s", given, PICK(random, family_names));
    add_s(attribute(to, "name"), name);
}

static void add_address(struct attributes *to, struct tr_random *random)
{
    struct tr_buf *out = attribute(to, "address");
    char text[96];

    (void)snprintf(text, sizeof text, "%s %u", PICK(random, streets),
                   (unsigned)tr_random_below(random, 180) + 1);
    tr_buf_add_str(out, "{\"M\":{\"street\":");
    add_s(out, text);
    tr_buf_add_str(out, ",\"city\":");
    add_s(out, PICK(random, cities));
    (void)snprintf(text, sizeof text, "%05u", (unsigned)tr_random_below(random, 100000));
    tr_buf_add_str(out, ",\"zip\":");
    add_s(out, text);
    tr_buf_add_str(out, ",\"country\":");
    add_s(out, PICK(random, countries));
    tr_buf_printf(
        out, ",\"location\":{\"M\":{\"lat\":{\"N\":\"%u.%04u\"},\"lon\":{\"N\":\"-%u.%04u\"}}}",
        (unsigned)tr_random_below(random, 60), (unsigned)tr_random_below(random, 9999) + 1,
        (unsigned)tr_random_below(random, 120), (unsigned)tr_random_below(random, 9999) + 1);
    tr_buf_add_str(out, "}}");
}

/* A few different words out of the interests, as a set of strings. */
static void add_interests(struct attributes *to, struct tr_random *random)
{
    struct tr_buf *out = attribute(to, "interests");
    uint64_t first = tr_random_below(random, COUNT_OF(interests));
    uint64_t count = tr_random_below(random, 3) + 2, i;
    tr_buf_add_str(out, "{\"SS\":[");
    for (i = 0; i < count; i++) {
        tr_buf_printf(out, "%s\"%s\"", i > 0 ? "," : "",
                      interests[(first + i) % COUNT_OF(interests)]);
    }
    tr_buf_add_str(out, "]}");
}

static void add_preferences(struct attributes *to, struct tr_random *random)
{
    struct tr_buf *out = attribute(to, "preferences");
    tr_buf_add_str(out, "{\"M\":{\"newsletter\":");
    add_bool(out, tr_random_below(random, 2) == 0);
    tr_buf_add_str(out, ",\"theme\":");
    add_s(out, tr_random_below(random, 2) == 0 ? "light" : "dark");
    tr_buf_add_str(out, ",\"quiet_hours\":{\"L\":[");
    add_n(out, tr_random_below(random, 4) + 20);
    tr_buf_add_char(out, ',');
    add_n(out, tr_random_below(random, 4) + 5);
    tr_buf_add_str(out, "]}}}");
}

/* What the user looked at: a list of maps, oldest first. */
static void add_history(struct attributes *to, struct tr_random *random, struct tr_wall at)
{
    struct tr_buf *out = attribute(to, "viewed");
    uint64_t i;
    tr_buf_add_str(out, "{\"L\":[");
    for (i = 0; i < VIEWED; i++) {
        tr_buf_add_str(out, i > 0 ? ",{\"M\":{\"title\":" : "{\"M\":{\"title\":");
        add_s(out, PICK(random, products).title);
        tr_buf_add_str(out, ",\"at\":");
        add_time(out, (struct tr_wall){at.ms - (int64_t)((VIEWED - i) * 61000)});
        tr_buf_add_str(out, "}}");
    }
    tr_buf_add_str(out, "]}");
}

/* Lines of a cart or an order: a list of maps. Returns what they cost together. */
static uint64_t add_lines(struct tr_buf *out, struct tr_random *random, uint64_t count)
{
    uint64_t total = 0, i;
    tr_buf_add_str(out, "{\"L\":[");
    for (i = 0; i < count; i++) {
        uint64_t product = tr_random_below(random, COUNT_OF(products));
        uint64_t quantity = tr_random_below(random, 3) + 1;
        tr_buf_printf(out, "%s{\"M\":{\"sku\":{\"S\":\"SKU-%05u\"},\"title\":", i > 0 ? "," : "",
                      (unsigned)product * 173 + 10021);
        add_s(out, products[product].title);
        tr_buf_add_str(out, ",\"quantity\":");
        add_n(out, quantity);
        tr_buf_add_str(out, ",\"price\":");
        add_price(out, products[product].cents);
        tr_buf_add_str(out, "}}");
        total += quantity * products[product].cents;
    }
    tr_buf_add_str(out, "]}");
    return total;
}

static void add_cart(struct attributes *to, struct tr_random *random, uint64_t count)
{
    struct tr_buf *out = attribute(to, "cart");
    (void)add_lines(out, random, count);
}

static void add_order(struct attributes *to, struct tr_random *random,
                      const struct tr_activity_write *write)
{
    struct tr_buf *out = attribute(to, "last_order");
    uint64_t total;
    tr_buf_printf(out, "{\"M\":{\"order_id\":{\"S\":\"ORD-%08x\"},\"status\":{\"S\":\"placed\"},",
                  (unsigned)tr_random_below(random, UINT32_MAX));
    tr_buf_add_str(out, "\"placed_at\":");
    add_time(out, write->at);
    tr_buf_add_str(out, ",\"lines\":");
    total = add_lines(out, random, tr_random_below(random, PURCHASES_MAX) + 1);
    tr_buf_add_str(out, ",\"total\":");
    add_price(out, total);
    tr_buf_add_str(out, "}}");
}

static void add_payment(struct attributes *to, struct tr_random *random,
                        const struct tr_activity_write *write)
{
    struct tr_buf *out = attribute(to, "last_payment");
    tr_buf_add_str(out, "{\"M\":{\"method\":");
    add_s(out, tr_random_below(random, 2) == 0 ? "card" : "invoice");
    tr_buf_add_str(out, ",\"amount\":");
    add_price(out, tr_random_below(random, 30000) + 500);
    tr_buf_add_str(out, ",\"voucher\":{\"NULL\":true},\"received_at\":");
    add_time(out, write->at);
    tr_buf_add_str(out, "}}");
}

static void add_loyalty(struct attributes *to, struct tr_random *random)
{
    struct tr_buf *out = attribute(to, "loyalty");
    tr_buf_add_str(out, "{\"M\":{\"points\":");
    add_n(out, tr_random_below(random, 20000));
    tr_buf_add_str(out, ",\"tier\":");
    add_s(out, tr_random_below(random, 3) == 0 ? "gold" : "blue");
    tr_buf_add_str(out, ",\"since\":");
    add_n(out, 2012 + tr_random_below(random, 14));
    tr_buf_add_str(out, "}}");
}

/* What stands in every write: its number, its feed, what was done and when. */
static void add_stamp(struct attributes *to, const struct tr_activity *activity,
                      const struct tr_activity_write *write, struct tr_bytes writer_name)
{
    struct tr_buf *out;
    add_n(attribute(to, "n"), write->n);
    out = attribute(to, "writer");
    tr_buf_add_str(out, "{\"S\":");
    tr_buf_add_json(out, writer_name);
    tr_buf_add_char(out, '}');
    add_s(attribute(to, "activity"), what_texts[write->what]);
    add_time(attribute(to, "updated_at"), write->at);
    if (activity->options.ttl_s > 0) {
        add_n(attribute(to, "expires_at"), (uint64_t)write->at.ms / 1000 + activity->options.ttl_s);
    }
}

/* All that a new user has besides the key. */
static void add_profile(struct attributes *to, struct tr_random *random, const char *pk,
                        struct tr_wall at)
{
    struct tr_buf *out;
    char text[64];

    add_name(to, random);
    (void)snprintf(text, sizeof text, "%s@shop.example", pk + sizeof "user#" - 1);
    add_s(attribute(to, "email"), text);
    add_address(to, random);
    out = attribute(to, "phones");
    tr_buf_printf(out, "{\"SS\":[\"+41 %07u\",\"+48 %07u\"]}",
                  (unsigned)tr_random_below(random, 9999999),
                  (unsigned)tr_random_below(random, 9999999));
    out = attribute(to, "sizes");
    tr_buf_printf(out, "{\"NS\":[\"%u\",\"%u.5\"]}", (unsigned)tr_random_below(random, 10) + 36,
                  (unsigned)tr_random_below(random, 10) + 36);
    add_interests(to, random);
    add_preferences(to, random);
    add_loyalty(to, random);
    add_bool(attribute(to, "verified"), tr_random_below(random, 4) > 0);
    tr_buf_add_str(attribute(to, "referrer"), "{\"NULL\":true}");
    tr_buf_add_str(attribute(to, "avatar"), "{\"B\":\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf\"}");
    add_cart(to, random, tr_random_below(random, 2) + 2);
    add_history(to, random, at);
    add_time(attribute(to, "signed_up_at"), at);
}

static void add_change(struct attributes *to, struct tr_random *random,
                       const struct tr_activity_write *write)
{
    switch (write->what) {
    case CART_FILLED:
        add_cart(to, random, tr_random_below(random, PURCHASES_MAX) + 1);
        break;
    case ORDER_PLACED:
        add_order(to, random, write);
        add_cart(to, random, 0);
        break;
    case PAYMENT_RECEIVED:
        add_payment(to, random, write);
        add_loyalty(to, random);
        break;
    case ADDRESS_CHANGED:
        add_address(to, random);
        break;
    default:
        add_name(to, random);
        add_history(to, random, write->at);
        add_preferences(to, random);
        add_interests(to, random);
        break;
    }
}

/* --- requests -------------------------------------------------------------------------------- */

static struct tr_bytes value_at(const struct attributes *attributes, size_t i)
{
    size_t end = i + 1 < attributes->count ? attributes->at[i + 1].start : attributes->values.len;
    return (struct tr_bytes){attributes->values.ptr + attributes->at[i].start,
                             end - attributes->at[i].start};
}

static void add_head(struct tr_buf *out, struct tr_bytes table)
{
    tr_buf_add_str(out, "{\"TableName\":");
    tr_buf_add_json(out, table);
}

static void add_key(struct tr_buf *out, const char *pk)
{
    tr_buf_printf(out, ",\"Key\":{\"pk\":{\"S\":\"%s\"}}", pk);
}

static void encode_insert(struct tr_buf *out, const char *pk, const struct attributes *attributes)
{
    size_t i;
    tr_buf_printf(out, ",\"Item\":{\"pk\":{\"S\":\"%s\"}", pk);
    for (i = 0; i < attributes->count; i++) {
        tr_buf_printf(out, ",\"%s\":", attributes->at[i].name);
        tr_buf_add(out, value_at(attributes, i));
    }
    tr_buf_add_str(out, "},\"ConditionExpression\":\"attribute_not_exists(pk)\"");
}

/* Names go as #0, #1 ..., values as :0, :1 ...; the first attribute is `n`. */
static void encode_modify(struct tr_buf *out, const struct attributes *attributes,
                          uint64_t previous)
{
    size_t i;
    tr_buf_add_str(out, ",\"UpdateExpression\":\"SET ");
    for (i = 0; i < attributes->count; i++) {
        tr_buf_printf(out, "%s#%zu = :%zu", i > 0 ? ", " : "", i, i);
    }
    tr_buf_add_str(out, "\",\"ConditionExpression\":\"#0 = :was\",\"ExpressionAttributeNames\":{");
    for (i = 0; i < attributes->count; i++) {
        tr_buf_printf(out, "%s\"#%zu\":\"%s\"", i > 0 ? "," : "", i, attributes->at[i].name);
    }
    tr_buf_printf(out, "},\"ExpressionAttributeValues\":{\":was\":{\"N\":\"%llu\"}",
                  (unsigned long long)previous);
    for (i = 0; i < attributes->count; i++) {
        tr_buf_printf(out, ",\":%zu\":", i);
        tr_buf_add(out, value_at(attributes, i));
    }
    tr_buf_add_char(out, '}');
}

static void encode_remove(struct tr_buf *out, uint64_t previous)
{
    tr_buf_printf(out,
                  ",\"ConditionExpression\":\"#0 = :was\",\"ExpressionAttributeNames\":{\"#0\":\"n"
                  "\"},\"ExpressionAttributeValues\":{\":was\":{\"N\":\"%llu\"}}",
                  (unsigned long long)previous);
}

const char *tr_activity_encode(const struct tr_activity *activity,
                               const struct tr_activity_write *write, struct tr_bytes table,
                               struct tr_bytes writer_name, struct tr_buf *out)
{
    static const char *const operations[] = {"PutItem", "UpdateItem", "DeleteItem"};
    struct attributes attributes = {.count = 0};
    struct tr_random random;
    char pk[TR_ACTIVITY_PK_SIZE];

    tr_activity_pk(activity, write->user, pk);
    tr_random_init(&random, write->seed);
    add_head(out, table);
    if (write->kind != TR_WRITE_REMOVE) {
        add_stamp(&attributes, activity, write, writer_name);
    }
    if (write->kind == TR_WRITE_INSERT) {
        add_profile(&attributes, &random, pk, write->at);
        encode_insert(out, pk, &attributes);
    } else if (write->kind == TR_WRITE_MODIFY) {
        add_change(&attributes, &random, write);
        add_key(out, pk);
        encode_modify(out, &attributes, write->previous);
    } else {
        add_key(out, pk);
        encode_remove(out, write->previous);
    }
    tr_buf_add_str(out, ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
    out->failed = out->failed || attributes.values.failed;
    tr_buf_deinit(&attributes.values);
    return operations[write->kind];
}

void tr_activity_encode_get(const struct tr_activity *activity,
                            const struct tr_activity_write *write, struct tr_bytes table,
                            struct tr_buf *out)
{
    char pk[TR_ACTIVITY_PK_SIZE];
    tr_activity_pk(activity, write->user, pk);
    add_head(out, table);
    add_key(out, pk);
    tr_buf_add_str(out, ",\"ConsistentRead\":true,\"ProjectionExpression\":\"#n, writer\","
                        "\"ExpressionAttributeNames\":{\"#n\":\"n\"}}");
}
