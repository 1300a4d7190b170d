/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Contexts of the library, and what only this process knows of a run: which library was loaded, by whom it was
 * compiled, which OpenMP runtime it uses, and its wisdom. Functions that an older library may lack are weak symbols.
 */
#include "bench/bench_run.h"
#include <atomic>
#include <benchmark/benchmark.h>
#include <climits>
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <map>
#include <sys/mman.h>

#pragma weak gml_compiler
#pragma weak gml_wisdom_export_memory

namespace bench
{
namespace
{

std::atomic<int64_t> allocated;

/* As the library's own allocator does it: large blocks in huge pages. */
void *counted_allocate(void *, size_t bytes, size_t alignment)
{
    constexpr size_t HUGE_PAGE = size_t(2) << 20;
    allocated.fetch_add(1, std::memory_order_relaxed);
    if (bytes >= HUGE_PAGE)
        alignment = std::max(alignment, HUGE_PAGE);
    void *data = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (data && bytes >= HUGE_PAGE)
        (void)madvise(data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return data;
}

void counted_release(void *, void *pointer, size_t)
{
    std::free(pointer);
}

/* The path of the loaded library whose file name begins so, or "". */
std::string loaded(const std::string &name)
{
    struct Search {
        std::string name, path;
    } search{"/" + name, ""};
    dl_iterate_phdr(
        [](dl_phdr_info *info, size_t, void *data) {
            auto &search = *static_cast<Search *>(data);
            const std::string path = info->dlpi_name;
            const size_t slash = path.rfind('/');
            if (slash == std::string::npos || path.compare(slash, search.name.size(), search.name) != 0)
                return 0;
            char real[PATH_MAX];
            search.path = realpath(path.c_str(), real) ? real : path;
            return 1;
        },
        &search);
    return search.path;
}

std::string openmp()
{
    for (const char *name : {"libgomp.so", "libomp.so", "libiomp5.so"}) {
        const std::string path = loaded(name);
        if (!path.empty())
            return path;
    }
    return "none";
}

/* The signature of the hypervisor, as "KVMKVMKVM", or "none": bit 31 of ECX of leaf 1 says whether leaf 0x40000000 is
 * there. */
std::string hypervisor()
{
#ifdef __x86_64__
    unsigned a, words[3] = {0, 0, 0}; /* EBX, ECX, EDX */
    if (__get_cpuid(1, &a, &words[0], &words[1], &words[2]) && words[1] >> 31) {
        __cpuid(0x40000000, a, words[0], words[1], words[2]);
        char name[sizeof words + 1] = "";
        std::memcpy(name, words, sizeof words);
        return name;
    }
    return "none";
#else
    return "unknown";
#endif
}

std::string wisdom_of(gml_context *context)
{
    size_t size = 0;
    if (!gml_wisdom_export_memory || gml_wisdom_export_memory(context, nullptr, &size) != GML_OK)
        return "";
    std::string text(size, '\0');
    return gml_wisdom_export_memory(context, &text[0], &size) == GML_OK ? text : "";
}

/* FNV-1a of 64 bits: to tell one wisdom from another. */
std::string hash_of(const std::string &text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const unsigned char c : text)
        hash = (hash ^ c) * 0x100000001b3;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

} // namespace

int64_t allocations()
{
    return allocated.load(std::memory_order_relaxed);
}

const Runtime &runtime_of(int threads, const std::string &isa)
{
    static std::map<std::pair<int, std::string>, Runtime> runtimes;
    const auto key = std::make_pair(threads, isa);
    const auto found = runtimes.find(key);
    if (found != runtimes.end())
        return found->second;
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.isa = isa.empty() ? nullptr : isa.c_str();
    options.allocate = counted_allocate;
    options.release = counted_release;
    gml_context *context;
    require(gml_context_create(&context, &options));
    return runtimes[key] = {context, gml_context_isa(context), gml_context_threads(context)};
}

void describe_run(const Runtime &runtime)
{
    const std::string library = loaded("libgemmule.so"), wisdom = wisdom_of(runtime.context);
    size_t entries = 0;
    for (size_t at = wisdom.find("\nentry "); at != std::string::npos; at = wisdom.find("\nentry ", at + 1))
        entries++;
    benchmark::AddCustomContext("gemmule", gml_version());
    benchmark::AddCustomContext("arithmetic_revision", std::to_string(gml_arithmetic_revision()));
    benchmark::AddCustomContext("compiler", gml_compiler ? gml_compiler() : "unknown");
    benchmark::AddCustomContext("library", library.empty() ? "static" : library);
    benchmark::AddCustomContext("isa", runtime.isa);
    benchmark::AddCustomContext("threads", std::to_string(runtime.threads));
    benchmark::AddCustomContext("openmp", openmp());
    benchmark::AddCustomContext("hypervisor", hypervisor());
    benchmark::AddCustomContext("wisdom_entries", std::to_string(entries));
    benchmark::AddCustomContext("wisdom_hash", entries ? hash_of(wisdom) : "none");
    benchmark::AddCustomContext("harness_compiler", GEMMULE_BENCH_COMPILER);
    benchmark::AddCustomContext("google_benchmark", GEMMULE_BENCH_GOOGLE);
}

} // namespace bench
