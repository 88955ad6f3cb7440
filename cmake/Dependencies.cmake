# SPDX-License-Identifier: Apache-2.0
# Finds every library through pkg-config and gives it a target: dep::zmq, dep::protobuf-c, dep::pq, dep::yaml,
# dep::crypto, dep::jansson, dep::zstd, dep::z, dep::utf8proc, dep::hwloc, dep::cmocka (tests only), and dep::uthash (headers).
# All that are missing are named in one message, with their Debian packages.

find_package(PkgConfig REQUIRED)
set(ASSAY_MISSING "")

# assay_dependency(NAME MODULE[>=VERSION] DEBIAN-PACKAGE)
macro(assay_dependency name module package)
    pkg_check_modules(dep_${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(dep_${name}_FOUND)
        add_library(dep::${name} ALIAS PkgConfig::dep_${name})
    else()
        string(APPEND ASSAY_MISSING "\n  ${module}: apt install ${package}")
    endif()
endmacro()

assay_dependency(zmq "libzmq>=4.3" libzmq3-dev)
assay_dependency(protobuf-c "libprotobuf-c>=1.3" libprotobuf-c-dev)
assay_dependency(pq "libpq>=14" libpq-dev)
assay_dependency(yaml "yaml-0.1>=0.2" libyaml-dev)
assay_dependency(crypto "libcrypto>=3.0" libssl-dev)
assay_dependency(jansson "jansson>=2.13" libjansson-dev)
assay_dependency(zstd "libzstd>=1.4" libzstd-dev)
assay_dependency(z "zlib>=1.2" zlib1g-dev)
assay_dependency(utf8proc "libutf8proc>=2.5" libutf8proc-dev)
assay_dependency(hwloc "hwloc>=2.0" libhwloc-dev)
if(ASSAY_TESTS)
    assay_dependency(cmocka "cmocka>=1.1" libcmocka-dev)
endif()

find_path(UTHASH_INCLUDE_DIR uthash.h)
find_program(PROTOC_C_PROGRAM protoc-c)
if(NOT UTHASH_INCLUDE_DIR)
    string(APPEND ASSAY_MISSING "\n  uthash.h: apt install uthash-dev")
endif()
if(NOT PROTOC_C_PROGRAM)
    string(APPEND ASSAY_MISSING "\n  protoc-c: apt install protobuf-c-compiler")
endif()
if(ASSAY_MISSING)
    message(FATAL_ERROR "assay needs what is missing here:${ASSAY_MISSING}")
endif()

add_library(dep_uthash INTERFACE)
target_include_directories(dep_uthash SYSTEM INTERFACE ${UTHASH_INCLUDE_DIR})
add_library(dep::uthash ALIAS dep_uthash)
