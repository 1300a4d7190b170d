/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How gemmule_bench measures: cases made ready, contexts, and what Google Benchmark is told.
 */
#ifndef GML_BENCH_RUN_H
#define GML_BENCH_RUN_H

#include "bench/product.h"
#include "bench/suite.h"
#include <functional>

namespace bench
{

constexpr double SLICE_OF_CASE = 0.25e-3; /* seconds: of a batch of calls at least, and of a look at the peak */

/* A context of the library, and what it uses. */
struct Runtime {
    gml_context *context;
    std::string isa;
    int threads;
};

/* The one of so many threads and the instruction set, which lives as long as the program. Throws Failure. */
const Runtime &runtime_of(int threads, const std::string &isa);

/* How often the contexts have asked for memory. */
int64_t allocations();

/* A case with its operands, ready to be timed. */
struct Timed {
    std::function<double(int64_t)> seconds_of; /* of so many calls                            */
    const char *unit = nullptr;                /* "GFLOP/s" or "Gelement/s"; NULL: bytes alone */
    double work = 0, bytes = 0;                /* of a call: of that unit, and moved once      */
    std::function<double()> peak;              /* units a second; empty: there is none         */
    size_t footprint = 0;                      /* bytes of operands                           */
};

Timed make_ready(const Work &work, const Runtime &runtime);

/* What is told of a run, beside what Google Benchmark says of the machine. */
void describe_run(const Runtime &runtime);

} // namespace bench

#endif
