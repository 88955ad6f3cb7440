# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_grid SOURCES fuzz_grid.c LINKS assay_grid CORPUS corpus/grid)
assay_fuzz_target(fuzz_plan SOURCES fuzz_plan.c LINKS assay_grid CORPUS corpus/plan)
