/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the commands gemmule_bench_gemm and gemmule_bench_attention have in common: their options, and how they end.
 */
#ifndef GML_BENCH_COMMAND_H
#define GML_BENCH_COMMAND_H

#include "bench/product.h"
#include <cstdio>
#include <vector>

namespace bench
{

/* The parts between commas. */
std::vector<std::string> split(const std::string &text);

/* The value of --option, from 1 to most. */
int number(const std::string &option, const char *text, int most);

/* Of file names (fnmatch); no patterns match everything. */
bool matches(const std::vector<std::string> &patterns, const std::string &text);

struct Destroy {
    void operator()(gml_context *context) const
    {
        gml_context_destroy(context);
    }
};
using Context = std::unique_ptr<gml_context, Destroy>;
Context create_context(int threads, const std::string &isa);

/* Of the last level, what so many threads have of it together. */
double cache_bytes(int threads);

/* run() and its exit code: 0, 1 where it returns false, 2 with a sentence where it throws. */
template <class Run> int finish(const char *program, Run run)
{
    try {
        return run() ? 0 : 1;
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s: %s\n", program, failure.what());
        return 2;
    }
}

} // namespace bench

#endif
