/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/shim/shim.h"

const char *job_phase_name(enum job_phase phase)
{
    static const char *const names[JOB_PHASES] = {
        "preparing", "ready", "running", "cleaning", "publishing", "gone"};
    return names[phase];
}
