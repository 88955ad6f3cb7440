# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_metrics SOURCES fuzz_metrics.c LINKS assay_worker_files m CORPUS corpus/metrics)
assay_fuzz_target(fuzz_records SOURCES fuzz_records.c LINKS assay_worker_records CORPUS corpus/records)
