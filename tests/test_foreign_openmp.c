/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Beside a second OpenMP runtime: this program is compiled by clang and has its team from libomp, the library has its
 * own from libgomp. In a region of ours every thread calls; no call may hang, whichever runtime counts the threads.
 * Built by tests/foreign-openmp.sh.
 */
#include "tests/operations.h"
#include <omp.h>
#include <stdio.h>

int main(void)
{
    operations_prepare();
    int wrong = operations_wrong(NULL);
    int team = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong)
    {
#pragma omp single
        team = omp_get_num_threads();
        for (int i = 0; i < OPERATIONS; i++)
            wrong += !operation_right((omp_get_thread_num() + i) % OPERATIONS, NULL);
    }
    wrong += operations_wrong(NULL);
    printf("%d threads of the foreign runtime, %d wrong results\n", team, wrong);
    return wrong != 0 || team < 2;
}
