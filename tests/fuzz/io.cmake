# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_tree SOURCES fuzz_tree.c LINKS assay_io CORPUS corpus/tree)
assay_fuzz_target(fuzz_config SOURCES fuzz_config.c LINKS assay_io CORPUS corpus/config)
