/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/nvml.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"

/* The part of NVML's interface that is used, as NVIDIA documents it (NVML API reference; the
 * versioned names have not changed since driver 390, MIG came with 450). */
#define NVML_LIBRARY "libnvidia-ml.so.1"

enum {
    NVML_SUCCESS = 0,
    NVML_MIG_ENABLED = 1,
    NVML_UUID_SIZE = 96,
};

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_pci {
    char bus_legacy[16];
    unsigned domain, bus, device, pci_device, pci_subsystem;
    char bus_id[32];
};

struct nvml {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret_count);
    int (*handle)(unsigned index, void **ret_device);
    int (*uuid)(void *device, char *text, unsigned size);
    int (*name)(void *device, char *text, unsigned size);
    int (*memory)(void *device, struct nvml_memory *ret_memory);
    int (*pci)(void *device, struct nvml_pci *ret_pci);
    const char *(*words)(int result);
    /* NULL in drivers that know no MIG. */
    int (*mig_mode)(void *device, unsigned *ret_now, unsigned *ret_next);
    int (*mig_max)(void *device, unsigned *ret_count);
    int (*mig_handle)(void *device, unsigned index, void **ret_instance);
};

/* POSIX lets dlsym() return functions; ISO C has no cast for it. */
static bool find(struct nvml *nvml, const char *name, void *ret_function)
{
    void *symbol = dlsym(nvml->library, name);
    memcpy(ret_function, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static bool find_all(struct nvml *nvml)
{
    (void)find(nvml, "nvmlDeviceGetMigMode", (void *)&nvml->mig_mode);
    (void)find(nvml, "nvmlDeviceGetMaxMigDeviceCount", (void *)&nvml->mig_max);
    (void)find(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", (void *)&nvml->mig_handle);
    return find(nvml, "nvmlInit_v2", (void *)&nvml->init)
           && find(nvml, "nvmlShutdown", (void *)&nvml->shutdown)
           && find(nvml, "nvmlDeviceGetCount_v2", (void *)&nvml->count)
           && find(nvml, "nvmlDeviceGetHandleByIndex_v2", (void *)&nvml->handle)
           && find(nvml, "nvmlDeviceGetUUID", (void *)&nvml->uuid)
           && find(nvml, "nvmlDeviceGetName", (void *)&nvml->name)
           && find(nvml, "nvmlDeviceGetMemoryInfo", (void *)&nvml->memory)
           && find(nvml, "nvmlDeviceGetPciInfo_v3", (void *)&nvml->pci)
           && find(nvml, "nvmlErrorString", (void *)&nvml->words);
}

bool nvml_open(struct nvml **ret_nvml, struct err *err)
{
    struct nvml *nvml = xcalloc(sizeof(*nvml));
    nvml->library = dlopen(NVML_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (nvml->library == NULL) {
        nvml_close(nvml);
        return err_set(err, ERR_NOT_FOUND, "there is no " NVML_LIBRARY);
    }
    if (!find_all(nvml)) {
        nvml->shutdown = NULL;
        nvml_close(nvml);
        return err_set(err, ERR_NOT_FOUND, NVML_LIBRARY " lacks functions that are needed");
    }
    int result = nvml->init();
    if (result != NVML_SUCCESS) {
        (void)err_set(err, ERR_NOT_FOUND, "the NVIDIA driver: %s", nvml->words(result));
        nvml->shutdown = NULL;
        nvml_close(nvml);
        return false;
    }
    *ret_nvml = nvml;
    return true;
}

void nvml_close(struct nvml *nvml)
{
    if (nvml == NULL) {
        return;
    }
    if (nvml->shutdown != NULL) {
        (void)nvml->shutdown();
    }
    if (nvml->library != NULL) {
        (void)dlclose(nvml->library);
    }
    free(nvml);
}

/* Everything but the name is for people: what cannot be had is left out. */
static bool describe(
    const struct nvml *nvml, void *handle, struct device *ret_device, struct err *err)
{
    struct device device = {.handle = handle};
    struct nvml_memory memory = {0};
    struct nvml_pci pci = {0};
    char uuid[NVML_UUID_SIZE] = "";
    int result = nvml->uuid(handle, uuid, sizeof(uuid));
    if (result != NVML_SUCCESS) {
        return err_set(err, ERR_IO, "a device has no name: %s", nvml->words(result));
    }
    (void)snprintf(device.name, sizeof(device.name), "%s", uuid);
    (void)nvml->name(handle, device.model, sizeof(device.model));
    if (nvml->memory(handle, &memory) == NVML_SUCCESS) {
        device.memory_bytes = memory.total;
    }
    if (nvml->pci(handle, &pci) == NVML_SUCCESS) {
        (void)snprintf(device.bus, sizeof(device.bus), "%.31s", pci.bus_id);
    }
    *ret_device = device;
    return true;
}

struct listing {
    struct device *devices;
    size_t count;
};

static bool add(
    const struct nvml *nvml,
    void *handle,
    const char *bus,
    struct listing *listing,
    struct err *err)
{
    if (listing->count == LIMIT_DEVICES) {
        return true;
    }
    struct device *device = &listing->devices[listing->count];
    if (!describe(nvml, handle, device, err)) {
        return false;
    }
    if (bus[0] != '\0') { /* an instance is where its card is */
        (void)snprintf(device->bus, sizeof(device->bus), "%s", bus);
    }
    listing->count++;
    return true;
}

static bool is_cut(const struct nvml *nvml, void *card)
{
    unsigned now = 0;
    unsigned next = 0;
    return nvml->mig_mode != NULL && nvml->mig_max != NULL && nvml->mig_handle != NULL
           && nvml->mig_mode(card, &now, &next) == NVML_SUCCESS && now == NVML_MIG_ENABLED;
}

static bool add_instances(
    const struct nvml *nvml, void *card, struct listing *listing, struct err *err)
{
    struct nvml_pci pci = {0};
    unsigned most = 0;
    (void)nvml->pci(card, &pci);
    pci.bus_id[sizeof(pci.bus_id) - 1] = '\0';
    if (nvml->mig_max(card, &most) != NVML_SUCCESS) {
        return true;
    }
    for (unsigned i = 0; i < most; i++) {
        void *instance = NULL; /* most of the possible ones do not exist */
        if (nvml->mig_handle(card, i, &instance) == NVML_SUCCESS
            && !add(nvml, instance, pci.bus_id, listing, err)) {
            return false;
        }
    }
    return true;
}

bool nvml_list(
    struct nvml *nvml, struct device *ret_devices, size_t *ret_count, struct err *err)
{
    struct listing listing = {.devices = ret_devices};
    unsigned count = 0;
    int result = nvml->count(&count);
    if (result != NVML_SUCCESS) {
        return err_set(err, ERR_IO, "cannot count devices: %s", nvml->words(result));
    }
    for (unsigned i = 0; i < count; i++) {
        void *card = NULL;
        if (nvml->handle(i, &card) != NVML_SUCCESS) {
            continue; /* not ours to use, or fallen off already */
        }
        if (is_cut(nvml, card) ? !add_instances(nvml, card, &listing, err)
                               : !add(nvml, card, "", &listing, err)) {
            return false;
        }
    }
    *ret_count = listing.count;
    return true;
}

bool nvml_is_there(const struct nvml *nvml, const struct device *device)
{
    struct nvml_memory memory = {0};
    return nvml->memory(device->handle, &memory) == NVML_SUCCESS;
}
