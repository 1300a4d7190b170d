/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The suite of gemmule_bench_gemm: M, N and K of the products that users of a GEMM ask about, in groups that are
 * summarised by a geometric mean each.
 */
#ifndef GML_BENCH_GEMM_SUITE_H
#define GML_BENCH_GEMM_SUITE_H

#include "bench/gemm_subject.h"

namespace bench
{

struct Entry {
    const char *group;
    Shape shape;
};

inline constexpr Entry SUITE_F32[] = {
    /* bound by the cost of a call */
    {"tiny", {4, 4, 4}},
    {"tiny", {5, 5, 5}},
    {"tiny", {8, 8, 8}},
    {"tiny", {13, 13, 13}},
    {"tiny", {16, 16, 16}},
    {"tiny", {23, 23, 23}},
    {"tiny", {32, 32, 32}},
    /* operands within L1 and L2 */
    {"small", {48, 48, 48}},
    {"small", {64, 64, 64}},
    {"small", {96, 96, 96}},
    {"small", {128, 128, 128}},
    {"medium", {192, 192, 192}},
    {"medium", {256, 256, 256}},
    {"medium", {384, 384, 384}},
    {"medium", {512, 512, 512}},
    {"large", {768, 768, 768}},
    {"large", {1000, 1000, 1000}},
    {"large", {1023, 1023, 1023}},
    {"large", {1024, 1024, 1024}},
    {"large", {1536, 1536, 1536}},
    {"large", {2048, 2048, 2048}},
    {"large", {2049, 2049, 2049}},
    {"large", {4096, 4096, 4096}},
    /* a language model: one token, a few, a prompt */
    {"gemv", {1, 4096, 4096}},
    {"skinny", {2, 4096, 4096}},
    {"skinny", {4, 4096, 4096}},
    {"skinny", {8, 4096, 4096}},
    {"skinny", {16, 4096, 4096}},
    {"skinny", {32, 4096, 4096}},
    {"llm", {128, 4096, 4096}},
    {"llm", {512, 4096, 4096}},
    {"llm", {512, 11008, 4096}},
    /* encoders: BERT at 128 tokens, ViT at 197 */
    {"encoder", {128, 768, 768}},
    {"encoder", {128, 3072, 768}},
    {"encoder", {128, 768, 3072}},
    {"encoder", {197, 768, 768}},
    /* the two products inside attention */
    {"attention", {128, 128, 64}},
    {"attention", {512, 512, 64}},
    {"attention", {2048, 2048, 64}},
    {"attention", {2048, 64, 2048}},
    {"attention", {4096, 128, 4096}},
    /* HPC: panels and updates of factorisations, blocks of vectors */
    {"hpc", {100000, 16, 16}},
    {"hpc", {16, 16, 100000}},
    {"hpc", {4096, 32, 4096}},
    {"hpc", {4096, 4096, 32}},
};

inline constexpr Entry SUITE_F64[] = {
    {"tiny", {8, 8, 8}},
    {"tiny", {16, 16, 16}},
    {"tiny", {23, 23, 23}},
    {"tiny", {32, 32, 32}},
    {"small", {48, 48, 48}},
    {"small", {64, 64, 64}},
    {"small", {96, 96, 96}},
    {"small", {128, 128, 128}},
    {"medium", {192, 192, 192}},
    {"medium", {256, 256, 256}},
    {"medium", {384, 384, 384}},
    {"medium", {512, 512, 512}},
    {"large", {768, 768, 768}},
    {"large", {1000, 1000, 1000}},
    {"large", {1024, 1024, 1024}},
    {"large", {1536, 1536, 1536}},
    {"large", {2048, 2048, 2048}},
    {"hpc", {100000, 8, 8}},
    {"hpc", {4096, 4096, 32}},
};

} // namespace bench

#endif
