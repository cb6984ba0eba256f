/* SPDX-License-Identifier: Apache-2.0
 *
 * KCL's requests as they stand on the wire, with the legacy Expected and AttributeUpdates. */
#include "tests/sim/kcl_parts.h"
#include "tests/sim/scan.h"

#include <string.h>

#define U(x) ((unsigned long long)(x))

static void add_text(struct tr_buf *out, const char *before, const char *text)
{
    tr_buf_add_str(out, before);
    tr_buf_add_json(out, tr_bytes_of(text));
}

static void begin(struct kcl *kcl, struct tr_buf *out)
{
    add_text(out, "{\"TableName\":", kcl->options.lease_table);
}

static void begin_key(struct kcl *kcl, struct tr_buf *out, const char *key)
{
    begin(kcl, out);
    add_text(out, ",\"Key\":{\"leaseKey\":{\"S\":", key);
    tr_buf_add_str(out, "}}");
}

void kcl_encode_scan(struct kcl *kcl, struct tr_buf *out)
{
    begin(kcl, out);
    if (kcl->last_key.len > 0) {
        tr_buf_add_str(out, ",\"ExclusiveStartKey\":");
        tr_buf_add(out, tr_buf_bytes(&kcl->last_key));
    }
    tr_buf_add_char(out, '}');
}

void kcl_encode_get(struct kcl *kcl, struct tr_buf *out, const char *key)
{
    begin_key(kcl, out, key);
    tr_buf_add_char(out, '}');
}

/* Every update of an owner: the counter is the only condition. */
static void begin_update(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row)
{
    begin_key(kcl, out, row->key);
    tr_buf_printf(out,
                  ",\"Expected\":{\"leaseCounter\":{\"Value\":{\"N\":\"%llu\"}}}"
                  ",\"AttributeUpdates\":{\"leaseCounter\":{\"Value\":{\"N\":\"%llu\"},"
                  "\"Action\":\"PUT\"}",
                  U(row->counter), U(row->counter + 1));
}

void kcl_encode_take(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row)
{
    begin_update(kcl, out, row);
    add_text(out, ",\"leaseOwner\":{\"Value\":{\"S\":", kcl->options.id);
    tr_buf_add_str(out, "},\"Action\":\"PUT\"},\"checkpointOwner\":{\"Action\":\"DELETE\"}");
    if (row->owner[0] != '\0' && strcmp(row->owner, kcl->options.id) != 0) {
        tr_buf_add_str(out, ",\"ownerSwitchesSinceCheckpoint\":{\"Value\":{\"N\":\"1\"},"
                            "\"Action\":\"ADD\"}");
    }
    tr_buf_add_str(out, "}}");
}

void kcl_encode_renew(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row)
{
    begin_update(kcl, out, row);
    tr_buf_add_str(out, "}}");
}

void kcl_encode_checkpoint(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row,
                           const char *checkpoint)
{
    begin_update(kcl, out, row);
    add_text(out, ",\"checkpoint\":{\"Value\":{\"S\":", checkpoint);
    tr_buf_add_str(out, "},\"Action\":\"PUT\"}"
                        ",\"checkpointSubSequenceNumber\":{\"Value\":{\"N\":\"0\"},"
                        "\"Action\":\"PUT\"}"
                        ",\"ownerSwitchesSinceCheckpoint\":{\"Value\":{\"N\":\"0\"},"
                        "\"Action\":\"PUT\"}"
                        ",\"pendingCheckpoint\":{\"Action\":\"DELETE\"}"
                        ",\"pendingCheckpointSubSequenceNumber\":{\"Action\":\"DELETE\"}"
                        ",\"pendingCheckpointState\":{\"Action\":\"DELETE\"}}}");
}

void kcl_encode_child(struct kcl *kcl, struct tr_buf *out, const char *child, const char *parent)
{
    begin(kcl, out);
    add_text(out, ",\"Item\":{\"leaseKey\":{\"S\":", child);
    add_text(out,
             "},\"leaseCounter\":{\"N\":\"0\"},\"ownerSwitchesSinceCheckpoint\":{\"N\":\"0\"}"
             ",\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},\"checkpointSubSequenceNumber\":"
             "{\"N\":\"0\"},\"parentShardId\":{\"SS\":[",
             parent);
    tr_buf_add_str(out, "]}},\"Expected\":{\"leaseKey\":{\"Exists\":false}}}");
}

void kcl_encode_child_ids(struct kcl *kcl, struct tr_buf *out, const struct held *held)
{
    size_t i;
    begin_key(kcl, out, held->row.key);
    add_text(out, ",\"Expected\":{\"leaseKey\":{\"Value\":{\"S\":", held->row.key);
    tr_buf_add_str(out, "}}},\"AttributeUpdates\":{\"childShardIds\":{\"Value\":{\"SS\":[");
    for (i = 0; i < held->child_count; i++) {
        add_text(out, i > 0 ? "," : "", held->children[i]);
    }
    tr_buf_add_str(out, "]},\"Action\":\"PUT\"}}}");
}

void kcl_encode_iterator(struct kcl *kcl, struct tr_buf *out, const char *shard, const char *after)
{
    add_text(out, "{\"StreamArn\":", kcl->options.stream_arn);
    add_text(out, ",\"ShardId\":", shard);
    if (after[0] >= '0' && after[0] <= '9') {
        add_text(out,
                 ",\"ShardIteratorType\":\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":", after);
        tr_buf_add_char(out, '}');
    } else {
        tr_buf_printf(out, ",\"ShardIteratorType\":\"%s\"}",
                      strcmp(after, "LATEST") == 0 ? "LATEST" : "TRIM_HORIZON");
    }
}

void kcl_encode_records(struct kcl *kcl, struct tr_buf *out, struct tr_bytes iterator)
{
    tr_buf_add_str(out, "{\"ShardIterator\":");
    tr_buf_add(out, iterator);
    tr_buf_printf(out, ",\"Limit\":%zu}", kcl->options.records_max);
}

void kcl_encode_children(struct kcl *kcl, struct tr_buf *out, const char *shard)
{
    add_text(out, "{\"StreamArn\":", kcl->options.stream_arn);
    add_text(out, ",\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\",\"ShardId\":", shard);
    tr_buf_add_str(out, "}}");
}

/* ---- answers ---- */

static bool get(struct tr_bytes item, const char *name, const char *type, char *out, size_t cap)
{
    const char *path[] = {name, type, NULL};
    return scan_string(scan_path(item, path), out, cap);
}

static void get_parents(struct tr_bytes item, struct kcl_row *row)
{
    static const char *const path[] = {"parentShardId", "SS", NULL};
    struct scan scan = scan_begin(scan_path(item, path));
    struct tr_bytes value;
    while (row->parent_count < PARENTS_MAX && scan_element(&scan, &value)) {
        row->parent_count += scan_string(value, row->parents[row->parent_count], NAME_LEN) ? 1 : 0;
    }
}

bool kcl_decode_row(struct tr_bytes item, struct kcl_row *row)
{
    char counter[NUMBER_LEN];
    *row = (struct kcl_row){0};
    if (!get(item, "leaseKey", "S", row->key, sizeof row->key) ||
        !get(item, "leaseCounter", "N", counter, sizeof counter) ||
        !tr_bytes_u64(tr_bytes_of(counter), UINT64_MAX, &row->counter) ||
        !get(item, "checkpoint", "S", row->checkpoint, sizeof row->checkpoint)) {
        return false;
    }
    (void)get(item, "leaseOwner", "S", row->owner, sizeof row->owner);
    get_parents(item, row);
    return true;
}

bool kcl_is_error(const struct kcl_event *event, const char *name)
{
    char type[NAME_LEN];
    return event->http_status >= 400 &&
           scan_string(scan_get(event->body, "__type"), type, sizeof type) &&
           strstr(type, name) != NULL;
}
