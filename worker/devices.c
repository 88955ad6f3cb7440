/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/devices.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "worker/nvml.h"

static void add_index(struct devices *devices, uint32_t index)
{
    struct device *device = &devices->items[devices->count++];
    *device = (struct device){0};
    (void)snprintf(device->name, sizeof(device->name), "%u", index);
}

static void find_files(struct devices *devices)
{
    char path[64];
    for (uint32_t i = 0; i < LIMIT_DEVICES; i++) {
        (void)snprintf(path, sizeof(path), "/dev/nvidia%u", i);
        if (access(path, R_OK | W_OK) == 0) {
            add_index(devices, i);
        }
    }
}

/* As the driver tells; without one, what lies in /dev. */
static bool find_all(struct devices *devices, struct err *err)
{
    struct err why = {0};
    if (!nvml_open(&devices->nvml, &why)) {
        find_files(devices);
        if (devices->count > 0) {
            log_event(
                LOG_NOTICE, "devices without their driver's word", F("why", "%s", why.message));
        }
        return true;
    }
    return nvml_list(devices->nvml, devices->items, &devices->count, err);
}

static bool refuse(const char *text, struct err *err)
{
    (void)err_set(err, ERR_INPUT, "'%s' is not a list of devices", text);
    return err_hint(err, "expected auto, none, a number, indexes as in 0,1 or 3-3, or UUIDs");
}

/* One of those that the driver told, or, when nobody can be asked, whatever is said. */
static bool take(
    struct devices *devices, const struct devices *all, const char *word, struct err *err)
{
    uint64_t index = UINT64_MAX;
    bool numbered = str_to_u64(word, &index);
    if (devices->count == LIMIT_DEVICES || (numbered && index >= LIMIT_DEVICES)) {
        return err_set(err, ERR_LIMIT, "at most %d devices can be offered", LIMIT_DEVICES);
    }
    for (size_t i = 0; i < all->count; i++) {
        if (numbered ? i == index : strcmp(all->items[i].name, word) == 0) {
            devices->items[devices->count++] = all->items[i];
            return true;
        }
    }
    if (all->nvml != NULL) {
        return err_set(
            err, ERR_INPUT, "no device '%s': the driver tells of %zu", word, all->count);
    }
    struct device *device = &devices->items[devices->count++];
    *device = (struct device){0};
    (void)snprintf(device->name, sizeof(device->name), "%s", word);
    return true;
}

static bool take_range(
    struct devices *devices, const struct devices *all, const char *word, struct err *err)
{
    unsigned first = 0;
    unsigned last = 0;
    int used = 0;
    bool numbers = word[strspn(word, "0123456789-")] == '\0'; /* a UUID begins with letters */
    if (!numbers || strchr(word, '-') == NULL) {
        return take(devices, all, word, err);
    }
    if (word[0] == '-' || sscanf(word, "%3u-%3u%n", &first, &last, &used) != 2
        || word[used] != '\0') {
        return refuse(word, err);
    }
    for (unsigned i = first; i <= last; i++) {
        char index[16];
        (void)snprintf(index, sizeof(index), "%u", i);
        if (!take(devices, all, index, err)) {
            return false;
        }
    }
    return first <= last || refuse(word, err);
}

static bool take_listed(
    struct devices *devices, const struct devices *all, const char *text, struct err *err)
{
    char word[DEVICE_TEXT];
    for (const char *at = text;;) {
        size_t length = strcspn(at, ",");
        if (length == 0 || length >= sizeof(word)) {
            return refuse(text, err);
        }
        memcpy(word, at, length);
        word[length] = '\0';
        if (word[strspn(word, "0123456789-")] != '\0' && strncmp(word, "GPU-", 4) != 0
            && strncmp(word, "MIG-", 4) != 0) {
            return refuse(text, err);
        }
        if (!take_range(devices, all, word, err)) {
            return false;
        }
        if (at[length] == '\0') {
            return true;
        }
        at += length + 1;
    }
}

bool devices_open(struct devices *devices, const char *text, struct err *err)
{
    *devices = (struct devices){0};
    if (strcmp(text, "none") == 0) {
        return true;
    }
    struct devices all = {0};
    if (!find_all(&all, err)) {
        nvml_close(all.nvml);
        return false;
    }
    devices->nvml = all.nvml;
    uint64_t count = 0;
    if (strcmp(text, "auto") == 0) {
        *devices = all;
        return true;
    }
    if (!str_to_u64(text, &count)) {
        return take_listed(devices, &all, text, err);
    }
    if (count > LIMIT_DEVICES) {
        return err_set(err, ERR_LIMIT, "at most %d devices can be offered", LIMIT_DEVICES);
    }
    char range[32];
    (void)snprintf(range, sizeof(range), "0-%u", (unsigned)count - 1);
    return count == 0 || take_listed(devices, &all, range, err);
}

void devices_close(struct devices *devices)
{
    nvml_close(devices->nvml);
    devices->nvml = NULL;
}

bool devices_look(struct devices *devices)
{
    bool fell = false;
    for (size_t i = 0; i < devices->count; i++) {
        struct device *device = &devices->items[i];
        if (device->handle == NULL || device->lost || nvml_is_there(devices->nvml, device)) {
            continue;
        }
        device->lost = true;
        fell = true;
        log_event(
            LOG_ERR,
            "a device fell off",
            F("device", "%s", device->name),
            F("model", "%s", device->model),
            F("bus", "%s", device->bus));
    }
    return fell;
}
