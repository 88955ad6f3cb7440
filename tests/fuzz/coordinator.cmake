# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_resources SOURCES fuzz_resources.c LINKS assay_store CORPUS corpus/resources)
assay_fuzz_target(fuzz_owners SOURCES fuzz_owners.c LINKS assay_coordinator CORPUS corpus/owners)
assay_fuzz_target(fuzz_store SOURCES fuzz_store.c LINKS assay_store CORPUS corpus/store)
