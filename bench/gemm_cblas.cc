/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Libraries with the CBLAS interface, loaded at run time: OpenBLAS (also as Python packages rename its symbols), MKL,
 * BLIS, our own libgemmule_blas; and oneDNN by its dnnl_sgemm. Each is loaded so that it sees its own symbols before
 * those of others, is told the number of threads by whatever means it has, and asked what it chose.
 */
#include "bench/gemm_subject.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace bench
{
namespace
{

/* How a library spells its symbols. A suffix means integers of 64 bits. */
struct Spelling {
    const char *prefix, *suffix;
};
constexpr Spelling SPELLINGS[] = {{"", ""}, {"scipy_", ""}, {"scipy_", "64_"}, {"", "64_"}, {"", "_64"}};

class Library
{
  public:
    Library(const std::string &name, const std::string &path, Type type)
    {
        handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
        if (!handle_)
            throw Failure("peer " + name + ": " + dlerror());
        const std::string wanted = type == Type::f32 ? "cblas_sgemm" : "cblas_dgemm";
        for (const Spelling &spelling : SPELLINGS) {
            spelling_ = spelling;
            if ((gemm = find<void()>(wanted)))
                return;
        }
        if (type == Type::f32 && (dnnl_sgemm = find<DnnlSgemm>("dnnl_sgemm", "")))
            return;
        std::string tried;
        for (const Spelling &spelling : SPELLINGS)
            tried += " " + (spelling.prefix + wanted + spelling.suffix);
        throw Failure("peer " + name + ": " + path + " has none of" + tried +
                      (type == Type::f32 ? " dnnl_sgemm" : ""));
    }

    /* A symbol as this library spells its own, and as it stands. */
    template <class Function> Function *find(const std::string &symbol) const
    {
        return find<Function>(spelling_.prefix + symbol, spelling_.suffix);
    }
    template <class Function> Function *find(const std::string &symbol, const char *suffix) const
    {
        return reinterpret_cast<Function *>(dlsym(handle_, (symbol + suffix).c_str()));
    }

    bool wide() const
    {
        if (*spelling_.suffix)
            return true;
        if (const auto config = find<const char *()>("openblas_get_config"))
            return std::strstr(config(), "USE64BITINT");
        if (const auto bits = find<int64_t()>("bli_info_get_blas_int_type_size", ""))
            return bits() == 64;
        return false;
    }

    using DnnlSgemm = int(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *,
                          int64_t, float, float *, int64_t);
    void (*gemm)() = nullptr;
    DnnlSgemm *dnnl_sgemm = nullptr;

  private:
    void *handle_; /* never closed: threads of the library may be running */
    Spelling spelling_;
};

/* By the library's own means, or those of the OpenMP runtime that it was linked with. */
std::string set_threads(const Library &library, int threads)
{
    if (const auto set_openblas = library.find<void(int)>("openblas_set_num_threads"))
        set_openblas(threads);
    else if (const auto set_mkl = library.find<void(int)>("MKL_Set_Num_Threads", ""))
        set_mkl(threads);
    else if (const auto set_blis = library.find<void(int64_t)>("bli_thread_set_num_threads", ""))
        set_blis(threads);
    else if (const auto set_openmp = library.find<void(int)>("omp_set_num_threads", ""))
        set_openmp(threads);
    else
        return ", threads: its own choice";
    return ", threads: " + std::to_string(threads);
}

/* Version and chosen core, as far as the library says. */
std::string describe(const Library &library)
{
    if (const auto config = library.find<const char *()>("openblas_get_config")) {
        const auto core = library.find<const char *()>("openblas_get_corename");
        return std::string(config()) + (core ? std::string(", core: ") + core() : "");
    }
    if (const auto version = library.find<void(char *, int)>("MKL_Get_Version_String", "")) {
        char text[256] = "";
        version(text, sizeof text - 1);
        std::string sentence = text;
        return sentence.erase(sentence.find_last_not_of(' ') + 1);
    }
    if (const auto version = library.find<const char *()>("bli_info_get_version_str", "")) {
        const auto query = library.find<int()>("bli_arch_query_id", "");
        const auto name = library.find<const char *(int)>("bli_arch_string", "");
        return std::string("BLIS ") + version() +
               (query && name ? std::string(", core: ") + name(query()) : "");
    }
    if (const auto version = library.find<const int *()>("dnnl_version", "")) {
        const int *number = version();
        return "oneDNN " + std::to_string(number[0]) + "." + std::to_string(number[1]) + "." +
               std::to_string(number[2]);
    }
    return "no version";
}

constexpr int ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112; /* the enumerators of CBLAS */

template <class T, class Int>
std::unique_ptr<Product> product(const Library &library, const Problem &problem,
                                 const std::vector<Operands> &sets)
{
    using Gemm = void(int, int, int, Int, Int, Int, T, const T *, Int, const T *, Int, T, T *, Int);
    const auto gemm = reinterpret_cast<Gemm *>(library.gemm);
    const Int m = Int(problem.shape.m), n = Int(problem.shape.n), k = Int(problem.shape.k),
              ldb = Int(problem.ldb());
    const int transpose = problem.transposed ? TRANS : NO_TRANS;
    return repeat(sets.size(), [=, set = sets.data()](size_t i) {
        gemm(ROW_MAJOR, NO_TRANS, transpose, m, n, k, 1, static_cast<const T *>(set[i].a), k,
             static_cast<const T *>(set[i].b), ldb, 0, static_cast<T *>(set[i].c), n);
    });
}

std::unique_ptr<Product> dnnl_product(Library::DnnlSgemm *sgemm, const Problem &problem,
                                      const std::vector<Operands> &sets)
{
    return repeat(sets.size(), [=, shape = problem.shape, set = sets.data()](size_t i) {
        const char transpose = problem.transposed ? 'T' : 'N';
        sgemm('N', transpose, shape.m, shape.n, shape.k, 1, static_cast<const float *>(set[i].a), shape.k,
              static_cast<const float *>(set[i].b), problem.ldb(), 0, static_cast<float *>(set[i].c),
              shape.n);
    });
}

class Cblas final : public Subject
{
  public:
    Cblas(const std::string &called, const Library &library, int threads)
        : Subject(called, Kind::plain, describe(library) + set_threads(library, threads)), library_(library)
    {
    }
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        if (library_.dnnl_sgemm)
            return dnnl_product(library_.dnnl_sgemm, problem, sets);
        const bool wide = library_.wide();
        if (problem.type == Type::f32)
            return (wide ? product<float, int64_t> : product<float, int32_t>)(library_, problem, sets);
        return (wide ? product<double, int64_t> : product<double, int32_t>)(library_, problem, sets);
    }

  private:
    const Library library_;
};

} // namespace

void add_cblas(Subjects &subjects, const std::string &name, const std::string &path, Type type, int threads)
{
    subjects.push_back(std::make_unique<Cblas>(name, Library(name, path, type), threads));
}

} // namespace bench
