/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The work that an attention needs.
 */
#include "bench/problem.h"
#include <algorithm>

namespace bench
{

double Attention::pairs() const
{
    if (!causal && !window)
        return double(q_len) * double(kv_len);
    double pairs = 0;
    for (int64_t i = 0; i < q_len; i++) {
        const int64_t position = i + kv_len - q_len;
        const int64_t first = window ? std::max<int64_t>(position - window + 1, 0) : 0;
        const int64_t end = causal ? std::min(position + 1, kv_len) : kv_len;
        pairs += double(std::max<int64_t>(end - first, 0));
    }
    return pairs;
}

double Attention::flops() const
{
    return 2 * double(batch * heads) * pairs() * double(dim + v_dim);
}

double Attention::bytes() const
{
    const double q_and_o = double(heads) * double(q_len) * double(dim + v_dim);
    const double k_and_v = double(kv_heads) * double(kv_len) * double(absorbed ? dim : dim + v_dim);
    return sizeof(float) * double(batch) * (q_and_o + k_and_v);
}

Attention Attention::unmasked() const
{
    Attention other{batch, heads, kv_heads, q_len, window ? window : kv_len, dim, v_dim};
    other.absorbed = absorbed;
    return other;
}

} // namespace bench
