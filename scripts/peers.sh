#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs the libraries that gemmule_bench_gemm is measured beside, in pinned versions, into a folder of their own:
# packages of PyPI into a virtual environment, packages of Debian 12 unpacked beside it. Nothing of the system changes,
# and no rights are needed. About 1.3 GB; a second run installs nothing.
#
#   scripts/peers.sh DIR                 the standard output is the --peer options; how to configure and what to set is
#                                        said on the standard error stream
#   scripts/peers.sh --attention DIR     PyTorch and onnxruntime, in a virtual environment of their own; the standard
#                                        output is the Python that runs bench/peers/attention.py. About 5.5 GB, as PyPI's
#                                        PyTorch brings what it needs for GPUs
set -euo pipefail

pypi=(scipy-openblas32==0.3.34.481.3)
pypi_x86_64=(mkl==2026.2.0 onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0)
debian=(libopenblas0-pthread=0.3.21+ds-4 libblis4-pthread=0.9.0-1)
debian_x86_64=(libxsmm-dev=1.17-2)
attention=(torch==2.15.0 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6)

for_attention=0
if [[ ${1-} == --attention ]]; then
    for_attention=1
    shift
fi
if (($# != 1)) || [[ $1 == -* ]]; then
    echo "usage: scripts/peers.sh [--attention] DIR" >&2
    exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
machine=$(uname -m)
if [[ $machine == x86_64 ]]; then
    pypi+=("${pypi_x86_64[@]}")
    debian+=("${debian_x86_64[@]}")
fi

# environment FOLDER PACKAGE...: a virtual environment with these packages.
environment() {
    local venv=$dir/$1
    shift
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check "$@" >&2
}

if ((for_attention)); then
    versions=$(printf '%s\n' "${attention[@]}")
    if [[ ! -f $dir/versions-attention || $(<"$dir/versions-attention") != "$versions" ]]; then
        rm -f "$dir/versions-attention"
        environment attention "${attention[@]}"
        echo "$versions" >"$dir/versions-attention"
    fi
    echo "$dir/attention/bin/python"
    exit
fi

versions=$(printf '%s\n' "${pypi[@]}" "${debian[@]}")
if [[ ! -f $dir/versions || $(<"$dir/versions") != "$versions" ]]; then
    rm -rf "$dir/debian" "$dir/versions"
    environment venv "${pypi[@]}"
    mkdir "$dir/debian"
    missing=()
    for package in "${debian[@]}"; do
        if (cd "$dir/debian" && apt-get -qq download "$package") &>"$dir/debian/log"; then
            dpkg-deb -x "$dir/debian/${package%%=*}"_*.deb "$dir/debian"
        else
            missing+=("$package")
        fi
    done
    if ((${#missing[@]} == 0)); then
        echo "$versions" >"$dir/versions"
    else
        echo "peers: left out, as apt-get has no such packages here (apt-get update?): ${missing[*]}" >&2
    fi
fi

# peer NAME GLOB: the option for the library, where it is there.
peer() {
    local path
    for path in $2; do
        [[ ! -f $path ]] || printf -- '--peer %s=%s\n' "$1" "$path"
    done
}
peer openblas "$dir/venv/lib/python*/site-packages/scipy_openblas32/lib/libscipy_openblas.so"
peer mkl "$dir/venv/lib/libmkl_rt.so.3"
peer dnnl_sgemm "$dir/venv/lib/libdnnl.so.3"
peer openblas-debian "$dir/debian/usr/lib/*/openblas-pthread/libopenblas.so.0"
peer blis-debian "$dir/debian/usr/lib/*/blis-pthread/libblis.so.4"

{
    echo "wanted: ${versions//$'\n'/ }"
    echo "configure with  \"-DCMAKE_PREFIX_PATH=$dir/venv;$dir/debian/usr\"  for oneDNN's matmul and libxsmm"
    if grep -qw avx512f /proc/cpuinfo; then
        echo "set  OPENBLAS_CORETYPE=SkylakeX BLIS_ARCH_TYPE=0  where they say Haswell or generic: this CPU has AVX-512"
    fi
} >&2
