/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double of NVIDIA's management library, for machines without its hardware: it has the ABI of
 * the functions that worker/nvml.c loads and nothing else, and is put first by LD_LIBRARY_PATH.
 * Cards are the lines of the file that FAKE_NVML names, read anew at each call:
 *
 *   UUID MODEL BUS BYTES STATE [MIG-UUID ...]      STATE: ok, lost; instances make it cut
 *
 * What it cannot show: a driver that hangs, and how the real one's answers change with its
 * versions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0,
    INVALID_ARGUMENT = 2,
    NOT_FOUND = 6,
    DRIVER_NOT_LOADED = 9,
    GPU_IS_LOST = 15,
    CARDS_MAX = 16,
    INSTANCES_MAX = 7,
    TEXT = 96,
};

struct card {
    char uuid[TEXT], model[TEXT], bus[32], state[16];
    unsigned long long bytes;
    char instances[INSTANCES_MAX][TEXT];
    unsigned instances_count;
};

struct memory {
    unsigned long long total, free, used;
};

struct pci {
    char bus_legacy[16];
    unsigned domain, bus, device, pci_device, pci_subsystem;
    char bus_id[32];
};

/* Handles are 1 + card, and 256 * (1 + instance) more for an instance. */
static unsigned card_of(void *handle)
{
    return (unsigned)(size_t)handle % 256 - 1;
}

static unsigned instance_of(void *handle)
{
    return (unsigned)(size_t)handle / 256;
}

static int parse(char *line, struct card *card)
{
    char *rest = NULL;
    char *word = strtok_r(line, " \n", &rest);
    char *fields[4] = {card->uuid, card->model, card->bus, NULL};
    for (int i = 0; i < 5 && word != NULL; i++) {
        if (i == 3) {
            card->bytes = strtoull(word, NULL, 10);
        } else {
            (void)snprintf(i == 4 ? card->state : fields[i], i == 4 ? 16 : 32, "%s", word);
        }
        word = strtok_r(NULL, " \n", &rest);
    }
    for (; word != NULL && card->instances_count < INSTANCES_MAX;
         word = strtok_r(NULL, " \n", &rest)) {
        (void)snprintf(card->instances[card->instances_count++], TEXT, "%s", word);
    }
    return card->state[0] != '\0';
}

static unsigned read_cards(struct card cards[CARDS_MAX])
{
    const char *path = getenv("FAKE_NVML");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    char line[1024];
    unsigned count = 0;
    memset(cards, 0, CARDS_MAX * sizeof(struct card));
    while (file != NULL && count < CARDS_MAX && fgets(line, sizeof(line), file) != NULL) {
        count += (unsigned)parse(line, &cards[count]);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return count;
}

static int find(void *handle, struct card *ret_card)
{
    struct card cards[CARDS_MAX];
    if (card_of(handle) >= read_cards(cards)) {
        return INVALID_ARGUMENT;
    }
    *ret_card = cards[card_of(handle)];
    if (instance_of(handle) > ret_card->instances_count) {
        return NOT_FOUND;
    }
    return strcmp(ret_card->state, "lost") == 0 ? GPU_IS_LOST : SUCCESS;
}

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *ret_count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret_device);
int nvmlDeviceGetUUID(void *device, char *text, unsigned size);
int nvmlDeviceGetName(void *device, char *text, unsigned size);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret_memory);
int nvmlDeviceGetPciInfo_v3(void *device, struct pci *ret_pci);
int nvmlDeviceGetMigMode(void *device, unsigned *ret_now, unsigned *ret_next);
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *ret_count);
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret_instance);
const char *nvmlErrorString(int result);

int nvmlInit_v2(void)
{
    return getenv("FAKE_NVML") == NULL ? DRIVER_NOT_LOADED : SUCCESS;
}

int nvmlShutdown(void)
{
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *ret_count)
{
    struct card cards[CARDS_MAX];
    *ret_count = read_cards(cards);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret_device)
{
    struct card card;
    *ret_device = (void *)((size_t)index + 1);
    return find(*ret_device, &card);
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned size)
{
    struct card card;
    int result = find(device, &card);
    unsigned instance = instance_of(device);
    if (result == SUCCESS) {
        const char *uuid = instance > 0 ? card.instances[instance - 1] : card.uuid;
        (void)snprintf(text, size, "%s", uuid);
    }
    return result;
}

int nvmlDeviceGetName(void *device, char *text, unsigned size)
{
    struct card card;
    int result = find(device, &card);
    if (result == SUCCESS) {
        (void)snprintf(text, size, "%s", card.model);
    }
    return result;
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret_memory)
{
    struct card card;
    int result = find(device, &card);
    if (result == SUCCESS) {
        unsigned parts = instance_of(device) > 0 ? card.instances_count : 1;
        *ret_memory = (struct memory){.total = card.bytes / parts};
    }
    return result;
}

int nvmlDeviceGetPciInfo_v3(void *device, struct pci *ret_pci)
{
    struct card card;
    int result = instance_of(device) > 0 ? INVALID_ARGUMENT : find(device, &card);
    memset(ret_pci, 0, sizeof(*ret_pci));
    if (result == SUCCESS) {
        (void)snprintf(ret_pci->bus_id, sizeof(ret_pci->bus_id), "%s", card.bus);
    }
    return result;
}

int nvmlDeviceGetMigMode(void *device, unsigned *ret_now, unsigned *ret_next)
{
    struct card card;
    int result = find(device, &card);
    *ret_now = *ret_next = result == SUCCESS && card.instances_count > 0;
    return result;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *ret_count)
{
    struct card card;
    *ret_count = INSTANCES_MAX;
    return find(device, &card);
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret_instance)
{
    struct card card;
    int result = find(device, &card);
    if (result == SUCCESS && index >= card.instances_count) {
        return NOT_FOUND;
    }
    *ret_instance = (void *)((size_t)device + 256 * ((size_t)index + 1));
    return result;
}

const char *nvmlErrorString(int result)
{
    return result == GPU_IS_LOST ? "GPU is lost" : "Driver Not Loaded";
}
