/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of a plan, version 1: a JSON list with one record a line, so that a large
 * plan is never one large tree.
 *
 *   {"assay_plan":1, ..., "counts":{...}}         the head
 *   ["point",axis,id,value]                       by axis, then point
 *   ["program",{...}]  ["input",SPEC]             in plan order; SPEC as in inputs.json
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
 * [s,t] where `"group":N` stands between the two, since specs of the groups of a pool differ in
 * nothing else.
 */
#ifndef ASSAY_GRID_PLAN_RECORD_H
#define ASSAY_GRID_PLAN_RECORD_H

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
