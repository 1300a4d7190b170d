#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The symbols of libgemmule_blas: it exports what gemmule/blas.h declares, without versions, and nothing else; the error
# handlers are weak references; and it finds libgemmule beside itself.
#
#     tests/blas-symbols.sh OBJDUMP SOURCE SHARED_LIBRARY ARCHIVE
set -euo pipefail
tool=${1%objdump}
source=$2
library=$3
archive=$4
failed=0

finding() {
    echo "$*" >&2
    failed=1
}

declared=$(sed -nE 's/^GML_API void ([a-z0-9_]+)\(.*/\1/p' "$source/include/gemmule/blas.h" | sort)
exported=$("${tool}nm" -D --defined-only "$library" | awk '{ print $3 }' | sort)
difference=$(diff <(echo "$declared") <(echo "$exported")) ||
    finding "the header declares (<) and the library exports (>) different symbols:"$'\n'"$difference"
[ "$(echo "$declared" | wc -l)" -eq 22 ] || finding "22 declarations were expected: is the pattern right?"

weak=$("${tool}nm" -D --undefined-only "$library" | awk '$1 ~ /^[vw]$/ && $2 !~ /^_/ { print $2 }' | sort | tr '\n' ' ')
[ "$weak" = "RowMajorStrg cblas_xerbla cblas_xerbla_64 xerbla_ xerbla_64_ " ] || finding "the weak references are $weak"
bad=$("${tool}nm" -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $2); print $2 }' |
    grep -E '^(_?exit|abort|__assert_fail|raise|pthread_create|gml_gemm_f(32|64))$' || true)
[ -z "$bad" ] || finding "the library imports what it must not use: ${bad//$'\n'/ }"

soname=$("${tool}readelf" -d "$library" | sed -nE 's/.*SONAME.*\[(.*)\]/\1/p')
[ "$soname" = libgemmule_blas.so.0 ] || finding "the SONAME is $soname"
needed=$("${tool}readelf" -d "$library" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p' | tr '\n' ' ')
[[ $needed =~ ^libgemmule\.so\.0\ libc\.so\.6\ (ld-linux-.*)?$ ]] || finding "the library needs $needed"
"${tool}readelf" -d "$library" | grep -qE 'BIND_NOW|FLAGS.*NOW' || finding "the library is not bound at load"
"${tool}readelf" -lW "$library" | grep -q GNU_RELRO || finding "the library has no read-only relocations"
"${tool}readelf" -lW "$library" | grep -E 'GNU_STACK.*RWE' && finding "the stack is executable"

foreign=$("${tool}nm" -A --defined-only --extern-only "$archive" 2>/dev/null | awk '{ print $NF }' |
    grep -vxF "$declared" | grep -v '^gml_blas_' || true)
[ -z "$foreign" ] || finding "the archive defines other global names: ${foreign//$'\n'/ }"

[ "$failed" -ne 0 ] || echo "$(echo "$exported" | wc -l) symbols exported, needs $needed"
exit "$failed"
