/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA devices by the driver's own library, loaded when it is there (libnvidia-ml.so.1), so
 * that nothing of NVIDIA's is needed to build or to run without. A card that is cut into MIG
 * instances counts as these and not as itself. Names are UUIDs: they mean the same device
 * whatever the order of devices is, also after one fell off, and MIG instances have no others.
 */
#ifndef ASSAY_WORKER_NVML_H
#define ASSAY_WORKER_NVML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "worker/devices.h"

struct nvml;

/* ERR_NOT_FOUND: there is no library, or no driver under it. */
bool nvml_open(struct nvml **ret_nvml, struct err *err);
void nvml_close(struct nvml *nvml); /* NULL is fine */
/* All devices, in the order of the driver; at most LIMIT_DEVICES. */
bool nvml_list(
    struct nvml *nvml, struct device *ret_devices, size_t *ret_count, struct err *err);
/* It still answers. A driver call of microseconds; it fails for good when the device fell off.
 */
bool nvml_is_there(const struct nvml *nvml, const struct device *device);

#endif
