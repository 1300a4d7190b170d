/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options, patterns, contexts and caches.
 */
#include "bench/command.h"
#include <algorithm>
#include <cstdlib>
#include <fnmatch.h>
#include <sstream>
extern "C" {
#include "src/core/cpu.h"
}

namespace bench
{

std::vector<std::string> split(const std::string &text)
{
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');)
        parts.push_back(part);
    return parts;
}

int number(const std::string &option, const char *text, int most)
{
    char *end;
    const long value = std::strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > most)
        throw Failure("--" + option + " is a number from 1 to " + std::to_string(most));
    return int(value);
}

bool matches(const std::vector<std::string> &patterns, const std::string &text)
{
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const std::string &pattern) {
               return fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
           });
}

Context create_context(int threads, const std::string &isa)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.isa = isa.empty() ? nullptr : isa.c_str();
    gml_context *context;
    require(gml_context_create(&context, &options));
    return Context(context);
}

double cache_bytes(int threads)
{
    gml_machine machine;
    gml_machine_detect(&machine);
    const gml_cache_budget budget = gml_cache_budget_of(&machine, threads);
    return double(std::max(budget.l2, budget.l3)) * threads;
}

} // namespace bench
