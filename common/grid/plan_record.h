/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored forms of a plan. All numbers are varints (common/base/varint.h); "optional" ones
 * are 1 more, 0 being none; "steps" are signed differences from the number before.
 *
 * Form 2, which is written: PLAN_FORM_MARK, the length of the records, the records, and tables.
 * A record is a line of JSON; the list of them is JSON too.
 *
 *   {"assay_plan":1, ..., "counts":{...}}         the head
 *   ["point",axis,id,value]                       by axis, then point
 *   ["program",{...}]  ["input",SPEC]             in plan order; SPEC as in inputs.json
 *
 * Then the counts of cells, texts, forms, places, parameters, artifacts, lists and tasks, and
 * the tables (plan_tables.h) in this order:
 *
 *   cells       a number per axis
 *   texts       lengths with the NUL, then the bytes
 *   forms       lengths, then the bytes (plan_form.c)
 *   places      an optional number per axis
 *   parameters  how many texts, and these
 *   artifacts   32 bytes each
 *   lists       how many entries; of each: kind + 4 * part, steps of from and group (from 0),
 *               optional output and label
 *   tasks       forms, 1 + places (0: none) and parameters as columns of steps; what each input
 *               reads, as distance to an earlier task or step of the list; 0, or 1 and the rare
 *               things: optional gate, signed group, optional name, and 0, or 1 and the
 * outputs' keys; then all plan keys
 *
 * Form 1, which older databases hold, is records alone. Its head counts these too:
 *
 *   ["cells",index, ...]                          whole cells
 *   ["string",text]                               names and parameters: numbered from 0
 *   ["list",run, ...]                             sources of an input: numbered from 0
 *        run: [0,task,output,label,count,step]    outputs of `count` tasks, `step` apart
 *             [1,digest,label]                    an artifact
 *             [2,input,part,group,label,count]    parts of a frozen input, groups in a row
 *   ["task",stage,program,group,[point],name,params,[[name,kind,many,list]],[[name,kind,key]],[needs],time,failures,
 *        plan key,gate,flags]
 *        needs: cpus, memory, disk, gpus, nodes; where there are some [label, ...] and
 *        [counter,amount, ...]
 *
 * Names, kinds, outputs and labels are numbers of strings, -1 for none. `params` is [s], or
 * [s,t] where `"group":N` stands between the two.
 */
#ifndef ASSAY_GRID_PLAN_RECORD_H
#define ASSAY_GRID_PLAN_RECORD_H

#define PLAN_FORM_MARK "assay-plan 2\n"

enum {
    TASK_FLAG_HELPER = 1,
    TASK_FLAG_CACHE = 2,
    TASK_FLAG_EXCLUSIVE = 4,
    TASK_FLAG_REPRODUCIBLE = 8,
    TASK_FLAGS = 15,
};

enum {
    RUN_TASK = 0,
    RUN_ARTIFACT = 1,
    RUN_INPUT = 2,
};

#endif
