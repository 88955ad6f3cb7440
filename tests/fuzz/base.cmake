# SPDX-License-Identifier: Apache-2.0
assay_fuzz_target(fuzz_yaml SOURCES fuzz_yaml.c LINKS assay_base CORPUS corpus/yaml)
assay_fuzz_target(fuzz_json SOURCES fuzz_json.c LINKS assay_base CORPUS corpus/json)
