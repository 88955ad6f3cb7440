/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"
#include "curation/ops/tokens.h"
#include "curation/ops/view.h"

/*
 * The order in which training reads a view's documents: by SHA-256 over data seed, document
 * digest and copy number, so that it depends on neither pool order nor groups, and exact copies
 * scatter.
 */
struct order_row {
    uint32_t segment, row, tokens, copy;
};

struct order_copy {
    uint64_t key; /* big-endian first bytes of the hash */
    struct order_row row;
    struct digest digest;
};

struct order_part {
    const char *name;
    double weight, repeat;
    uint64_t documents, tokens; /* in the order, with copies */
    uint64_t available;         /* tokens of the view, one EOT each */
};

/* How often a digest has been seen so far. */
struct seen {
    struct digest digest;
    uint64_t copies; /* 0: empty slot */
};

struct order {
    struct task *task;
    const char *view;
    int64_t data_seed;
    struct digester digester;
    struct order_part *parts;
    size_t parts_count;
    struct node *segments;
    uint32_t segments_count;
    struct order_copy *copies; /* heap memory */
    size_t count, capacity;
    struct seen *seen; /* open addressing, heap memory */
    size_t seen_capacity, seen_count;
};

static void order_done(struct order *order)
{
    digester_done(&order->digester);
    free(order->copies);
    free(order->seen);
}

static const struct node *list_item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

/* --- Hashes --- */

static void add_u64(struct digester *digester, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    digester_add(digester, bytes, sizeof(bytes));
}

static uint64_t order_key(struct order *order, const struct digest *digest, uint64_t copy)
{
    add_u64(&order->digester, (uint64_t)order->data_seed);
    digester_add(&order->digester, digest->bytes, DIGEST_BYTES);
    add_u64(&order->digester, copy);
    struct digest hash = digester_end(&order->digester);
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++) {
        key = key << 8 | hash.bytes[i];
    }
    return key;
}

/* True for a share `fraction` of documents: the ones that get one copy more. */
static bool gets_one_more(struct order *order, const struct digest *digest, double fraction)
{
    digester_add(&order->digester, "repeat", 6);
    add_u64(&order->digester, (uint64_t)order->data_seed);
    digester_add(&order->digester, digest->bytes, DIGEST_BYTES);
    struct digest hash = digester_end(&order->digester);
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) {
        value = value << 8 | hash.bytes[i];
    }
    return ldexp((double)value, -64) < fraction;
}

/* --- Copies --- */

static struct seen *find_seen(struct seen *slots, size_t capacity, const struct digest *digest)
{
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof(hash));
    size_t at = (size_t)hash & (capacity - 1);
    while (slots[at].copies > 0 && !digest_equal(&slots[at].digest, digest)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

/* The number of copies of this digest before this one. */
static uint64_t next_copy(struct order *order, const struct digest *digest)
{
    if (order->seen_count * 2 >= order->seen_capacity) {
        size_t capacity = order->seen_capacity > 0 ? order->seen_capacity * 2 : 4096;
        struct seen *wider = xcalloc(capacity * sizeof(*wider));
        for (size_t i = 0; i < order->seen_capacity; i++) {
            if (order->seen[i].copies > 0) {
                *find_seen(wider, capacity, &order->seen[i].digest) = order->seen[i];
            }
        }
        free(order->seen);
        order->seen = wider;
        order->seen_capacity = capacity;
    }
    struct seen *seen = find_seen(order->seen, order->seen_capacity, digest);
    order->seen_count += seen->copies == 0 ? 1 : 0;
    seen->digest = *digest;
    return seen->copies++;
}

static void add_copy(
    struct order *order, const struct digest *digest, const struct order_row *row)
{
    if (order->count == order->capacity) {
        order->capacity = order->capacity * 2 + 4096;
        order->copies = xrealloc(order->copies, order->capacity * sizeof(*order->copies));
    }
    uint64_t copy = next_copy(order, digest);
    struct order_copy *added = &order->copies[order->count++];
    *added = (struct order_copy){order_key(order, digest, copy), *row, *digest};
    added->row.copy = (uint32_t)copy;
}

static int compare_copies(const void *left, const void *right)
{
    const struct order_copy *a = left;
    const struct order_copy *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    int order = digest_compare(&a->digest, &b->digest);
    if (order != 0) {
        return order;
    }
    return a->row.copy < b->row.copy ? -1 : a->row.copy > b->row.copy;
}

/* --- Walking over the view --- */

/* What happens to each selected document of a segment. */
typedef void document_visit(
    struct order *order,
    struct order_part *part,
    const struct digest *digest,
    const struct order_row *row);

static void count_document(
    struct order *order,
    struct order_part *part,
    const struct digest *digest,
    const struct order_row *row)
{
    (void)order;
    (void)digest;
    part->available += (uint64_t)row->tokens + 1;
}

static void add_first(
    struct order *order,
    struct order_part *part,
    const struct digest *digest,
    const struct order_row *row)
{
    if (part->repeat >= 1 || gets_one_more(order, digest, part->repeat)) {
        add_copy(order, digest, row);
        part->documents++;
        part->tokens += (uint64_t)row->tokens + 1;
    }
}

/* The copies beyond the first. */
static void add_repeats(
    struct order *order,
    struct order_part *part,
    const struct digest *digest,
    const struct order_row *row)
{
    double whole = floor(part->repeat);
    uint64_t more = whole > 1 ? (uint64_t)whole - 1 : 0;
    if (whole >= 1 && gets_one_more(order, digest, part->repeat - whole)) {
        more++;
    }
    for (uint64_t i = 0; i < more; i++) {
        add_copy(order, digest, row);
        part->documents++;
        part->tokens += (uint64_t)row->tokens + 1;
    }
}

struct order_walk {
    struct order *order;
    struct order_part *part;
    document_visit *visit;
    uint32_t segment; /* over all components */
    size_t component;
};

static bool walk_segment(struct order_walk *walk, const struct node *segment, struct err *err)
{
    struct order *order = walk->order;
    struct arena *arena = order->task->arena;
    const char *name = arena_printf(
        arena, "%03zu-%04" PRId64, walk->component, node_get_int(segment, "group", -1));
    struct token_tree CLEANUP(token_tree_close) tree = {0};
    struct npy CLEANUP(npy_close) removed = {0};
    const char *removed_path = arena_printf(arena, "%s/removed/%s.npy", order->view, name);
    if (!task_advance(order->task, walk->segment, err)
        || !token_tree_open(
            arena_printf(arena, "%s/tokens/%s", order->view, name), arena, &tree, err)
        || !npy_open(removed_path, "<u2", 0, &removed, err)) {
        return false;
    }
    if (removed.shape.rows != tree.rows || tree.rows > UINT32_MAX) {
        return err_set(err, ERR_CORRUPT, "'%s' is not aligned with its tokens", removed_path);
    }
    for (uint64_t row = 0; row < tree.rows; row++) {
        if (((const uint16_t *)removed.data)[row] == REMOVED_NOT) {
            struct order_row entry = {
                .segment = walk->segment,
                .row = (uint32_t)row,
                .tokens = (uint32_t)token_tree_count(&tree, row),
            };
            walk->visit(
                order, walk->part, &((const struct digest *)tree.digests.data)[row], &entry);
        }
    }
    return true;
}

static bool walk_view(
    struct order *order, const struct node *components, document_visit *visit, struct err *err)
{
    struct order_walk walk = {.order = order, .visit = visit};
    for (size_t i = 0; i < order->parts_count; i++) {
        walk.part = &order->parts[i];
        walk.component = i;
        const struct node *segments = node_get(list_item(components, i), "segments");
        for (size_t j = 0; list_item(segments, j); j++) {
            if (!walk_segment(&walk, list_item(segments, j), err)) {
                return false;
            }
            walk.segment++;
        }
    }
    return true;
}

/* --- Weights --- */

static bool read_parts(struct order *order, const struct node *components, struct err *err)
{
    order->parts_count =
        components && components->kind == NODE_LIST ? components->list.count : 0;
    order->parts = ARENA_ARRAY(order->task->arena, struct order_part, order->parts_count);
    for (size_t i = 0; i < order->parts_count; i++) {
        const struct node *component = list_item(components, i);
        struct order_part *part = &order->parts[i];
        part->name = node_get_text(component, "name", "");
        part->weight = node_get_real(component, "weight", 0);
        part->repeat = node_get_real(component, "repeat", 1);
        if (!(part->weight >= 0) || !(part->repeat >= 0 && part->repeat <= 1000)) {
            return err_set(err, ERR_INPUT, "component '%s': bad weight or repeat", part->name);
        }
    }
    return true;
}

/* With weights, each component is repeated so that its tokens have its share; the one that
 * needs it least appears once. */
static bool apply_weights(struct order *order, struct err *err)
{
    double least = INFINITY;
    for (size_t i = 0; i < order->parts_count; i++) {
        const struct order_part *part = &order->parts[i];
        if (part->weight > 0 && part->available > 0) {
            least = fmin(least, part->weight / (double)part->available);
        }
    }
    for (size_t i = 0; i < order->parts_count && isfinite(least); i++) {
        struct order_part *part = &order->parts[i];
        if (part->weight > 0 && part->available == 0) {
            return err_set(err, ERR_INPUT, "component '%s' has no tokens", part->name);
        }
        part->repeat = part->available > 0 ? part->weight / (double)part->available / least : 0;
        if (part->repeat > 1000) {
            return err_set(
                err,
                ERR_LIMIT,
                "component '%s' would be repeated %.0f times",
                part->name,
                part->repeat);
        }
    }
    return true;
}

/* --- Output --- */

static struct node *describe_segments(struct order *order, const struct node *components)
{
    struct arena *arena = order->task->arena;
    struct node *list = node_list(arena);
    for (size_t i = 0; i < order->parts_count; i++) {
        const struct node *segments = node_get(list_item(components, i), "segments");
        for (size_t j = 0; list_item(segments, j); j++) {
            int64_t group = node_get_int(list_item(segments, j), "group", -1);
            struct node *entry = node_map(arena);
            node_set(arena, entry, "component", node_int(arena, (int64_t)i));
            node_set(arena, entry, "group", node_int(arena, group));
            node_set(
                arena,
                entry,
                "tokens_path",
                node_string(arena, arena_printf(arena, "tokens/%03zu-%04" PRId64, i, group)));
            node_push(arena, list, entry);
        }
    }
    return list;
}

static bool write_order(
    struct order *order, const char *dir, const struct node *components, struct err *err)
{
    struct arena *arena = order->task->arena;
    struct node *root = json_file_new(arena, "assay_order");
    struct node *parts = node_list(arena);
    uint64_t tokens = 0;
    for (size_t i = 0; i < order->parts_count; i++) {
        const struct order_part *part = &order->parts[i];
        struct node *entry = node_map(arena);
        node_set(arena, entry, "name", node_string(arena, part->name));
        node_set(arena, entry, "weight", node_real(arena, part->weight));
        node_set(arena, entry, "repeat", node_real(arena, part->repeat));
        node_set(arena, entry, "documents", node_int(arena, (int64_t)part->documents));
        node_set(arena, entry, "tokens", node_int(arena, (int64_t)part->tokens));
        node_push(arena, parts, entry);
        tokens += part->tokens;
    }
    node_set(arena, root, "data_seed", node_int(arena, order->data_seed));
    node_set(arena, root, "documents", node_int(arena, (int64_t)order->count));
    node_set(arena, root, "tokens", node_int(arena, (int64_t)tokens));
    node_set(arena, root, "segments", describe_segments(order, components));
    node_set(arena, root, "components", parts);
    struct npy_writer *file CLEANUP(npy_writer_cleanup) = NULL;
    const char *dtype =
        "[('segment', '<u4'), ('row', '<u4'), ('tokens', '<u4'), ('copy', '<u4')]";
    if (!npy_writer_open(path_join(arena, dir, "order.npy"), dtype, 0, &file, err)) {
        return false;
    }
    for (size_t i = 0; i < order->count; i++) {
        if (!npy_writer_rows(file, &order->copies[i].row, 1, err)) {
            return false;
        }
    }
    return npy_writer_close(TAKE(file), err) && json_file_write(dir, "order.json", root, err);
}

bool op_order(struct task *task, struct err *err)
{
    const struct task_input *view;
    struct node *root;
    struct order CLEANUP(order_done) order = {.task = task};
    digester_init(&order.digester);
    if (!task_need_int(task, "data_seed", INT64_MIN, INT64_MAX, &order.data_seed, err)
        || !task_need_input(task, "view", &view, err)
        || !json_file_read(
            view->paths[0], "view.json", "assay_view", task->arena, &root, err)) {
        return false;
    }
    order.view = view->paths[0];
    const struct node *components = node_get(root, "components");
    if (!read_parts(&order, components, err)
        || !walk_view(&order, components, count_document, err) || !apply_weights(&order, err)
        || !walk_view(&order, components, add_first, err)
        || !walk_view(&order, components, add_repeats, err)) {
        return false;
    }
    if (order.count > 0) {
        qsort(order.copies, order.count, sizeof(*order.copies), compare_copies);
    }
    const char *dir;
    return task_output_dir(task, NULL, &dir, err) && write_order(&order, dir, components, err);
}
