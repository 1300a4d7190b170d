/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gemmule: matrix multiplication, softmax and attention on CPUs, with one answer.
 *
 * This header includes all others but blas.h, the names of the BLAS, and tune.h, the autotuner, which
 * are libraries of their own. Each of them also compiles alone, as C11 and as C++17.
 *
 *   status.h     what every call returns, and the sentence that explains a failure
 *   context.h    threads, instruction set, allocator: what a host may decide
 *   types.h      types of elements, and functions of one element
 *   gemm.h       C = alpha * A * B + beta * C: single products, batches, plans, packed operands
 *   softmax.h    fused scaled and masked softmax over rows
 *   attention.h  tiled attention that never stores the score matrix
 *   wisdom.h     what was measured of this machine: import, export, and why a plan is as it is
 *   info.h       versions, instruction sets, what was chosen and why
 *
 * The result of every operation is specified bit for bit in docs/arithmetic.md. It depends on the
 * problem alone: not on the instruction set, the tile sizes, the number of threads, the alignment,
 * the strides or the neighbours in a batch.
 */
#ifndef GEMMULE_GEMMULE_H
#define GEMMULE_GEMMULE_H

#include <gemmule/attention.h>
#include <gemmule/context.h>
#include <gemmule/gemm.h>
#include <gemmule/info.h>
#include <gemmule/softmax.h>
#include <gemmule/status.h>
#include <gemmule/types.h>
#include <gemmule/wisdom.h>

#endif
