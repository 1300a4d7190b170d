/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libxsmm: the kernel that it makes and keeps for a shape ("dispatched"), called by its pointer. It has one thread and
 * does not block for caches, so it is asked for operands within L2 only; what it makes no kernel for is left out.
 */
#include "bench/gemm_subject.h"
#include <libxsmm.h>

namespace bench
{
namespace
{

constexpr double OPERAND_BYTES = 1 << 20;

template <class T, class Kernel>
std::unique_ptr<Product> product(Kernel kernel, const std::vector<Operands> &sets)
{
    if (!kernel)
        return nullptr;
    return repeat(sets.size(), [kernel, set = sets.data()](size_t i) {
        kernel(static_cast<const T *>(set[i].b), static_cast<const T *>(set[i].a),
               static_cast<T *>(set[i].c));
    });
}

class Xsmm final : public Subject
{
  public:
    Xsmm()
        : Subject("libxsmm", Kind::plan,
                  std::string("libxsmm " LIBXSMM_VERSION ", core: ") + libxsmm_get_target_arch() +
                      ", threads: 1")
    {
    }
    /* Its matrices are column-major: C^T = B^T * A^T. */
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        if (problem.bytes() > OPERAND_BYTES)
            return nullptr;
        const auto m = libxsmm_blasint(problem.shape.n), n = libxsmm_blasint(problem.shape.m),
                   k = libxsmm_blasint(problem.shape.k), lda = libxsmm_blasint(problem.ldb());
        const int flags = problem.transposed ? LIBXSMM_GEMM_FLAG_TRANS_A : LIBXSMM_GEMM_FLAG_NONE;
        if (problem.type == Type::f32) {
            const float one = 1, zero = 0;
            return product<float>(libxsmm_smmdispatch(m, n, k, &lda, &k, &m, &one, &zero, &flags, nullptr),
                                  sets);
        }
        const double one = 1, zero = 0;
        return product<double>(libxsmm_dmmdispatch(m, n, k, &lda, &k, &m, &one, &zero, &flags, nullptr),
                               sets);
    }
};

} // namespace

void add_xsmm(Subjects &subjects, Type, int threads)
{
    if (threads == 1)
        subjects.push_back(std::make_unique<Xsmm>());
}

} // namespace bench
