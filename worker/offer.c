/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/offer.h"

#include <string.h>

#include "common/base/str.h"
#include "common/io/file.h"

enum {
    RESERVE_SHARE = 50,
};

static struct msg_numa_node node_of(
    const struct topology *topology, size_t place, struct arena *arena)
{
    const struct topology_node *from = &topology->nodes[place];
    struct msg_numa_node node = {.memory_bytes = from->memory_bytes};
    for (size_t i = 0; i < topology->cpus.count; i++) {
        node.cpus += topology->cpus.items[i].node == place;
    }
    node.devices = ARENA_ARRAY(arena, uint32_t, LIMIT_DEVICES);
    for (uint32_t d = 0; d < LIMIT_DEVICES; d++) {
        if ((from->devices >> d & 1) != 0) {
            node.devices[node.devices_count++] = d;
        }
    }
    node.distances = arena_copy(arena, from->distance, sizeof(from->distance));
    node.distances_count = from->distance[place] != 0 ? topology->nodes_count : 0;
    return node;
}

void offer_devices(
    const struct devices *devices,
    const struct topology *topology,
    struct arena *arena,
    struct msg_resources *resources)
{
    resources->gpus_count = resources->devices_count = devices->count;
    resources->gpus = ARENA_ARRAY(arena, uint32_t, devices->count + 1);
    resources->devices = ARENA_ARRAY(arena, struct msg_device, devices->count + 1);
    for (size_t i = 0; i < devices->count; i++) {
        const struct device *device = &devices->items[i];
        resources->gpus[i] = (uint32_t)i;
        resources->devices[i] = (struct msg_device){
            device->name, device->model, device->bus, device->memory_bytes, device->lost};
    }
    resources->numa_count = topology->nodes_count;
    resources->numa = ARENA_ARRAY(arena, struct msg_numa_node, topology->nodes_count + 1);
    for (size_t i = 0; i < topology->nodes_count; i++) {
        resources->numa[i] = node_of(topology, i, arena);
    }
}

/* --- Trouble --- */

static void add(struct str *text, const char *words)
{
    str_appendf(text, "%s%s", text->length > 0 ? "; " : "", words);
}

static uint64_t reserve_of(const struct offer_disk *disk, const char *folder)
{
    uint64_t bytes = 0;
    if (disk->reserve_bytes != OFFER_RESERVE_AUTO || !file_system_bytes(folder, &bytes, NULL)) {
        return disk->reserve_bytes == OFFER_RESERVE_AUTO ? GIB : disk->reserve_bytes;
    }
    return bytes / RESERVE_SHARE < GIB ? bytes / RESERVE_SHARE : GIB;
}

enum fullness {
    DISK_FREE = 0,
    DISK_NEARLY_FULL, /* less than twice the reserve is free */
    DISK_FULL,        /* less than the reserve */
};

struct folder {
    const char *path;
    uint64_t reserve_bytes, free_bytes;
    enum fullness fullness;
};

static struct folder look_at_folder(const struct offer_disk *disk, const char *path)
{
    struct folder folder = {.path = path, .reserve_bytes = reserve_of(disk, path)};
    if (!file_free_bytes(path, &folder.free_bytes, NULL)) {
        return folder; /* the attempts there will say why */
    }
    if (folder.free_bytes < folder.reserve_bytes) {
        folder.fullness = DISK_FULL;
    } else if (folder.free_bytes - folder.reserve_bytes < folder.reserve_bytes) {
        folder.fullness = DISK_NEARLY_FULL;
    }
    return folder;
}

/* The fuller of the two, which lie on one filesystem as a rule. */
static void look_at_disk(
    const struct offer_disk *disk,
    struct offer_trouble *trouble,
    struct arena *arena,
    struct str *text)
{
    struct folder state = look_at_folder(disk, disk->state);
    struct folder store = look_at_folder(disk, disk->store);
    const struct folder *fuller = store.fullness > state.fullness ? &store : &state;
    char reserve[32];
    (void)str_human_bytes(fuller->reserve_bytes, reserve, sizeof(reserve));
    trouble->free_bytes =
        store.free_bytes < state.free_bytes ? store.free_bytes : state.free_bytes;
    trouble->closed = fuller->fullness == DISK_FULL;
    if (fuller->fullness != DISK_FREE) {
        add(text,
            arena_printf(
                arena,
                trouble->closed ? "disk full: less than %s free in %s, takes nothing new"
                                : "disk nearly full: less than twice %s free in %s",
                reserve,
                fuller->path));
    }
}

static void look_at_quota(
    const struct offer_disk *disk,
    struct offer_trouble *trouble,
    struct arena *arena,
    struct str *text)
{
    uint64_t used = 0;
    char quota[32];
    char in_use[32];
    if (disk->quota_bytes == 0 || !file_used_bytes(disk->store, &used, NULL)
        || used < disk->quota_bytes / 100 * disk->warn_percent) {
        return;
    }
    bool full = used >= disk->quota_bytes;
    trouble->closed = trouble->closed || full;
    add(text,
        arena_printf(
            arena,
            "store %s: %s of a quota of %s in use%s",
            full ? "full" : "nearly full",
            str_human_bytes(used, in_use, sizeof(in_use)),
            str_human_bytes(disk->quota_bytes, quota, sizeof(quota)),
            full ? ", takes nothing new; assay gc --plan says what may go" : ""));
}

static void look_at_devices(
    const struct devices *devices, struct arena *arena, struct str *text)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->items[i].lost) {
            add(text, arena_printf(arena, "device %s fell off", devices->items[i].name));
        }
    }
}

struct offer_trouble offer_trouble(
    const struct offer_disk *disk, const struct devices *devices, struct arena *arena)
{
    struct str text CLEANUP(str_done) = {0};
    struct offer_trouble trouble = {0};
    str_init(&text, LIMIT_LINE_BYTES);
    look_at_disk(disk, &trouble, arena, &text);
    look_at_quota(disk, &trouble, arena, &text);
    look_at_devices(devices, arena, &text);
    trouble.notice = text.length > 0 ? arena_strdup(arena, text.data) : "";
    return trouble;
}

bool offer_trouble_differs(const struct offer_trouble *a, const struct offer_trouble *b)
{
    uint64_t more = a->free_bytes > b->free_bytes ? a->free_bytes : b->free_bytes;
    uint64_t less = a->free_bytes > b->free_bytes ? b->free_bytes : a->free_bytes;
    return a->closed != b->closed || strcmp(a->notice, b->notice) != 0
           || more - less > more / 4;
}

/* --- One attempt --- */

void offer_name_devices(
    const struct devices *devices, struct arena *arena, struct msg_resources *granted)
{
    granted->devices = ARENA_ARRAY(arena, struct msg_device, granted->gpus_count + 1);
    granted->devices_count = 0;
    for (size_t i = 0; i < granted->gpus_count; i++) {
        bool known = granted->gpus[i] < devices->count;
        granted->devices[granted->devices_count++] = (struct msg_device){
            .name = known ? devices->items[granted->gpus[i]].name
                          : arena_printf(arena, "%u", granted->gpus[i]),
            .model = "",
            .bus = "",
        };
    }
}

uint64_t offer_near(const struct topology *topology, const struct msg_resources *granted)
{
    uint64_t near = 0;
    for (size_t i = 0; i < granted->gpus_count; i++) {
        for (size_t node = 0; node < topology->nodes_count && granted->gpus[i] < LIMIT_DEVICES;
             node++) {
            if ((topology->nodes[node].devices >> granted->gpus[i] & 1) != 0) {
                near |= UINT64_C(1) << node;
            }
        }
    }
    return near;
}

const struct device *offer_lost(
    const struct devices *devices, const struct msg_resources *granted)
{
    for (size_t i = 0; i < granted->gpus_count; i++) {
        if (granted->gpus[i] < devices->count && devices->items[granted->gpus[i]].lost) {
            return &devices->items[granted->gpus[i]];
        }
    }
    return NULL;
}
