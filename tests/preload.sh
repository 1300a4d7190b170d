#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Loads libgemmule_blas in front of the BLAS of an unmodified NumPy: its products are right, and the trace shows that
# they were ours. Skipped where no Python has a NumPy.
#
#     tests/preload.sh LIBRARY
set -euo pipefail
library=$1

python=
for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || {
    echo "skipped: no python3 has NumPy (python3-numpy)"
    exit 77
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/products.py" <<'END'
import sys
import numpy as np

random = np.random.default_rng(1)
products = {np.float32: 0, np.float64: 0}


def whole(rows, columns, kind, form):
    """Whole numbers, so that every product is exact; stored by rows, by columns, or as part of something larger."""
    x = random.integers(-8, 8, (rows + 3, columns + 5)).astype(kind)
    if form == 0:
        return x[:rows, :columns].copy()
    if form == 1:
        return np.asfortranarray(x[:rows, :columns])
    return x[2 : rows + 2, 4 : columns + 4]


for kind in products:
    for m, n, k in (2, 3, 4), (33, 17, 65), (128, 96, 600), (7, 300, 31):
        for form in range(9):
            a, b = whole(m, k, kind, form % 3), whole(k, n, kind, form // 3)
            got = a @ b
            if not np.array_equal(got, a.astype(np.int64) @ b.astype(np.int64)):
                sys.exit(f"{m} x {n} x {k} of {kind.__name__} in form {form} is wrong")
            products[kind] += 1

a = random.standard_normal((200, 200))
x = np.linalg.solve(a, a @ np.ones(200)) # through LAPACK, whatever it calls
if abs(x - 1).max() > 1e-8:
    sys.exit("the solution of a system of equations is wrong")
print(*products.values())
END

counts=$(LD_PRELOAD=$library GEMMULE_VERBOSE=1 "$python" "$scratch/products.py" 2>"$scratch/trace") || {
    tail -n 20 "$scratch/trace" >&2
    echo "preload: NumPy under libgemmule_blas failed" >&2
    exit 1
}
read -r singles doubles <<<"$counts"
failed=0
# Debian's NumPy calls the system's BLAS, a wheel's the OpenBLAS inside it.
for pair in "cblas_sgemm $singles" "cblas_dgemm $doubles"; do
    read -r routine least <<<"$pair"
    seen=$(grep -cE "^gemmule: .* label=($routine|scipy_${routine}64_) " "$scratch/trace" || true)
    [ "$seen" -ge "$least" ] || {
        echo "preload: NumPy computed $least products by $routine, and the trace has $seen" >&2
        failed=1
    }
done
version=$("$python" -c 'import numpy; print(numpy.__version__)')
[ "$failed" -ne 0 ] || echo "$singles and $doubles products of NumPy $version"
exit "$failed"
