/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Suites: which problems are measured. They are data, bench/suites/NAME.suite; docs/benchmarking.md says how they are
 * written.
 */
#ifndef GML_BENCH_SUITE_H
#define GML_BENCH_SUITE_H

#include "bench/problem.h"
#include <string>
#include <variant>
#include <vector>

namespace bench
{

/* A product of contiguous row-major matrices; a transposed one is stored as its transpose. */
struct Gemm {
    Type type;
    bool a_transposed, b_transposed;
    Shape shape;
};

/* The machine alone, without the library. */
enum class Machine { fma, read, memory_read, memory_copy };

using Work = std::variant<Gemm, Softmax, Attention, Machine>;

struct Case {
    std::string group, name; /* "llm", "sgemm/NT/m:128/n:4096/k:4096"          */
    std::string label;       /* whose shape it is: the comment behind it, or "" */
    Work work;
    int threads = 0;         /* 0: as the command line says                    */
    std::string isa;         /* "": as the command line says                   */
};

/* A case as it stands in a suite, without group and label. Throws Failure. */
Case parse_case(const std::string &text);

/* The cases of a suite, each name once: "NAME", in the folder suites beside this program, or a path, which has a '/' or
 * ends in ".suite". Throws Failure, with file and line where there is one. */
std::vector<Case> read_suite(const std::string &suite);

} // namespace bench

#endif
