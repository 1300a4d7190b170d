#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The dynamic symbols and the segments of the shared library, and the symbols of the archive:
#   exported      exactly what the public headers declare with GML_API
#   imported      nothing that prints, exits, aborts, raises signals or asks the process for more than memory and threads
#   needed        libc, libm, the OpenMP runtime (and the loader)
#   writable      no variables beyond the list below
#   hardened      read-only relocations, bound at load, no executable stack
#
#     tests/symbols.sh OBJDUMP SOURCE SHARED_LIBRARY ARCHIVE
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

# Variables that are written after loading, and why they may be.
writable='
default_context     the shared default context
environment         the environment, read once
once                guards both of them
gml_context_made    the address of the default context, from when it is made
serial              set in a forked child, never cleared
from_files          the wisdom that was read from files, for contexts to come
lock                guards it, and what contexts replace
holding             one a thread: it has the lock
recorded            the record of problems, where GEMMULE_RECORD asks for it
sentence            one a thread: the reason of its last failure
'

declared=$(sed -nE 's/^GML_API .*[ *](gml_[a-z0-9_]+)\(.*/\1/p' "$source"/include/gemmule/*.h | sort)
exported=$("${tool}nm" -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
difference=$(diff <(echo "$declared") <(echo "$exported")) ||
    finding "the headers declare (<) and the library exports (>) different symbols:"$'\n'"$difference"
[ "$(echo "$declared" | wc -l)" -ge 10 ] || finding "fewer than 10 declarations were found: is the pattern right?"

imported=$("${tool}nm" -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort)
forbidden='^(_?exit|_Exit|quick_exit|abort|__assert_fail|raise|kill|signal|sigaction|longjmp|_*longjmp_chk|setenv|putenv|system|popen|exec.*|fork|socket|connect|(f|d|vf|v|vd)?printf|__.*printf_chk|puts|fputs|putchar|fwrite|perror|stdout|stderr|pthread_create|setlocale|atexit|srand|rand)$'
# Text into a caller's memory is no printing.
bad=$(echo "$imported" | grep -vE '^__v?s(n)?printf_chk$' | grep -E "$forbidden" || true)
[ -z "$bad" ] || finding "the library imports what it must not use: ${bad//$'\n'/ }"

# GEMMULE_VERBOSE alone asks for a line, and an export or GEMMULE_RECORD for a file.
writers=$("${tool}nm" -A --undefined-only "$archive" 2>/dev/null | awk '$NF == "write" { print $1 }' | grep -vE 'trace|save' || true)
[ -z "$writers" ] || finding "only src/api/trace.c and save.c write, not ${writers//$'\n'/ }"

needed=$("${tool}readelf" -d "$library" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p')
for name in $needed; do
    case $name in
    libc.so.6 | libm.so.6 | libgomp.so.1 | libomp.so.5 | ld-linux-*.so.*) ;;
    *) finding "the library needs $name" ;;
    esac
done
soname=$("${tool}readelf" -d "$library" | sed -nE 's/.*SONAME.*\[(.*)\]/\1/p')
[ "$soname" = libgemmule.so.0 ] || finding "the SONAME is $soname"

# Objects in .data, .bss and thread-local storage, the toolchain's own excepted.
while read -r name; do
    grep -qE "^${name%%.*} " <<<"$writable" ||
        finding "$name is a writable variable: put it into a context, or explain it in tests/symbols.sh"
done < <("${tool}objdump" -t "$library" | sed -nE 's/^[0-9a-f]+ .{7} \.(data|bss|tdata|tbss)\t[0-9a-f]+ +(\.hidden )?([A-Za-z].*)/\3/p' |
    grep -vE '^completed')

"${tool}readelf" -d "$library" | grep -qE 'BIND_NOW|FLAGS.*NOW' || finding "the library is not bound at load"
"${tool}readelf" -lW "$library" | grep -q GNU_RELRO || finding "the library has no read-only relocations"
"${tool}readelf" -lW "$library" | grep -E 'GNU_STACK.*RWE' && finding "the stack is executable"
"${tool}readelf" -d "$library" | grep -q NODELETE || finding "the library may be unloaded under the threads of OpenMP"
"${tool}readelf" -d "$library" | grep -q TEXTREL && finding "the code has relocations"

foreign=$("${tool}nm" -A --defined-only --extern-only "$archive" 2>/dev/null | awk '$NF !~ /^gml_/ { print $NF }' | sort -u)
[ -z "$foreign" ] || finding "the archive defines global names without gml_: $foreign"

[ "$failed" -ne 0 ] || echo "$(echo "$exported" | wc -l) symbols exported, $(echo "$imported" | wc -l) imported, needs ${needed//$'\n'/ }"
exit "$failed"
