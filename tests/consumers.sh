#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs a build to a prefix, and builds and runs against it: a CMake project and a pkg-config one (each in C and C++,
# shared and static; also the autotuner), the example of the README, and the installed command with what it launches. Then
# the prefix is moved, and all still works.
#
#     tests/consumers.sh SOURCE BINARY C_COMPILER CMAKE
set -euo pipefail
source=$1
binary=$2
compiler=$3
cmake=$4
case $(basename "$compiler") in
clang*) cxx=clang++ ;;
*) cxx=g++ ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
quiet() {
    "$@" >"$scratch/log" 2>&1 </dev/null || {
        cat "$scratch/log" >&2
        echo "consumers: failed: $*" >&2
        exit 1
    }
}

quiet "$cmake" --install "$binary" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/prefix"
prefix=$scratch/prefix

quiet "$cmake" -S "$source/tests/consumer-cmake" -B "$scratch/cmake" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_CXX_COMPILER="$cxx" \
    -DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Werror" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Werror"
quiet "$cmake" --build "$scratch/cmake"

pc=$(dirname "$(find "$prefix" -name gemmule.pc)")
export PKG_CONFIG_PATH=$pc
mkdir "$scratch/pkgconfig"
quiet make -C "$scratch/pkgconfig" -f "$source/tests/consumer-pkgconfig/Makefile" \
    SOURCE="$source/tests/consumer-cmake" CC="$compiler" CXX="$cxx"

blas=()
if [ -e "$pc/gemmule-blas.pc" ]; then
    quiet make -C "$scratch/pkgconfig" -f "$source/tests/consumer-pkgconfig/Makefile" blas \
        SOURCE="$source/tests/consumer-cmake" CC="$compiler"
    blas=(consumer-blas consumer-blas-static)
fi
for program in "${blas[@]/#/cmake/}" "${blas[@]/#/pkgconfig/}"; do
    [[ $("$scratch/$program") == "the matrix product under the names of the BLAS" ]] || {
        echo "consumers: $program failed" >&2
        exit 1
    }
done

tune=()
if [ -e "$pc/gemmule-tune.pc" ]; then
    quiet make -C "$scratch/pkgconfig" -f "$source/tests/consumer-pkgconfig/Makefile" tune \
        SOURCE="$source/tests/consumer-cmake" CC="$compiler"
    tune=(cmake/consumer-tune pkgconfig/consumer-tune)
    foreign=$(nm -g --defined-only "$(find "$prefix" -name libgemmule_tune.a)" | awk 'NF == 3 && $3 != "gml_tune"')
    [ -z "$foreign" ] || {
        echo "consumers: libgemmule_tune.a defines more than gml_tune: $foreign" >&2
        exit 1
    }
fi
for program in "${tune[@]}"; do
    [[ $("$scratch/$program") == "the autotuner" ]] || {
        echo "consumers: $program failed" >&2
        exit 1
    }
done

fortran=()
if [ -e "$pc/gemmule-fortran.pc" ]; then
    quiet make -C "$scratch/pkgconfig" -f "$source/tests/consumer-pkgconfig/Makefile" fortran \
        EXAMPLE="$source/examples/fortran-gemm.f90" FC=gfortran
    fortran=(fortran-module fortran-source)
fi
for program in "${fortran[@]}"; do
    "$scratch/pkgconfig/$program" | diff -u "$source/examples/fortran-gemm.expected" - || {
        echo "consumers: $program prints something else than the example" >&2
        exit 1
    }
done

version=$(pkg-config --modversion gemmule)
for directory in cmake pkgconfig; do
    for program in consumer-c consumer-c-static consumer-cpp consumer-cpp-static; do
        said=$("$scratch/$directory/$program") || {
            echo "consumers: $directory/$program failed: $said" >&2
            exit 1
        }
        [[ $said == "gemmule $version: gml_"*" is -"* ]] || {
            echo "consumers: $directory/$program said: $said" >&2
            exit 1
        }
    done
    readelf -d "$scratch/$directory/consumer-c" | grep -q 'NEEDED.*libgemmule\.so\.0' || {
        echo "consumers: $directory/consumer-c is not linked to libgemmule.so.0" >&2
        exit 1
    }
    if readelf -d "$scratch/$directory/consumer-c-static" | grep -q libgemmule; then
        echo "consumers: $directory/consumer-c-static needs the shared library" >&2
        exit 1
    fi
done

# The first C program of the README is examples/quickstart.c, and a user's compiler line makes it run.
sed -n '/^```c$/,/^```$/p' "$source/README.md" | sed '1d;/^```$/,$d' >"$scratch/readme.c"
diff -u "$source/examples/quickstart.c" "$scratch/readme.c" || {
    echo "consumers: the example of README.md is not examples/quickstart.c" >&2
    exit 1
}
# shellcheck disable=SC2046 # several words are meant
quiet "$compiler" "$scratch/readme.c" $(pkg-config --cflags --libs gemmule) \
    -Wl,-rpath,"$(pkg-config --variable=libdir gemmule)" -o "$scratch/readme"
"$scratch/readme" | diff -u "$source/examples/quickstart.expected" - || {
    echo "consumers: the example of README.md prints something else" >&2
    exit 1
}

if [ -x "$prefix/bin/gemmule" ]; then
    "$prefix/bin/gemmule" --version | grep -q "gemmule $version" || {
        echo "consumers: the installed command does not know its version" >&2
        exit 1
    }
    quiet "$prefix/bin/gemmule" demo --repeat 1
    find "$prefix" -name gemmule.1 | grep -q . || {
        echo "consumers: the man page is not installed" >&2
        exit 1
    }
    quiet "$prefix/bin/gemmule" bench --help
    quiet "$prefix/bin/gemmule" perf --help
    bench=$prefix/libexec/gemmule/gemmule_bench
    if [ -x "$bench" ]; then
        quiet "$prefix/bin/gemmule" bench --suite=trial --benchmark_list_tests
        grep -q '^sgemm/' "$scratch/log" || {
            echo "consumers: the installed benchmark does not know its suites" >&2
            exit 1
        }
        if [ "$(ldd "$bench" | awk '/libgemmule/ {print $3}' | xargs -r realpath)" != "$(realpath "$prefix"/lib*/libgemmule.so.0)" ]; then
            echo "consumers: the installed benchmark does not load the installed library" >&2
            exit 1
        fi
        for word in gemm attention tuned; do
            quiet "$prefix/bin/gemmule" bench $word --help
        done
        quiet "$prefix/bin/gemmule" bench sweep gemm --help
    fi
fi
echo "$((8 + 2 * ${#blas[@]} + ${#tune[@]} + ${#fortran[@]})) consumers and the example of the README, against $(find "$prefix" -type f | wc -l) installed files of version $version"
