/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The suite of gemmule_bench_attention. Shapes of real models keep their lengths and head dimensions; where all heads
 * would take long, there are fewer of them, in the same groups.
 */
#include "bench/attention_problem.h"

namespace bench
{
namespace
{

/* An Attention with options, to be read as a sentence. */
struct Of : Attention {
    Of(int64_t heads, int64_t kv_heads, int64_t q_len, int64_t kv_len, int64_t dim, int64_t v_dim = 0)
        : Attention{1, heads, kv_heads, q_len, kv_len, dim, v_dim ? v_dim : dim}
    {
    }
    Of times(int64_t n) const
    {
        return with([=](Attention &a) { a.batch = n; });
    }
    Of causally() const
    {
        return with([](Attention &a) { a.causal = true; });
    }
    Of window_of(int64_t keys) const
    {
        return with([=](Attention &a) { a.window = keys; });
    }
    Of kept() const
    {
        return with([](Attention &a) { a.keep = true; });
    }
    Of biased() const
    {
        return with([](Attention &a) { a.bias = true; });
    }
    Of sloped() const
    {
        return with([](Attention &a) { a.alibi = true; });
    }
    Of sinking() const
    {
        return with([](Attention &a) { a.sinks = true; });
    }
    Of capped(float at) const
    {
        return with([=](Attention &a) { a.softcap = at; });
    }
    Of absorbing() const
    {
        return with([](Attention &a) { a.absorbed = true; });
    }

  private:
    template <class Change> Of with(Change change) const
    {
        Of other = *this;
        change(other);
        return other;
    }
};

} // namespace

const std::vector<Entry> &suite()
{
    static const std::vector<Entry> entries = {
        {"prefill", Of(8, 8, 512, 512, 64), ""},
        {"prefill", Of(8, 8, 512, 512, 64).causally(), ""},
        {"prefill", Of(8, 8, 512, 512, 128), ""},
        {"prefill", Of(8, 8, 512, 512, 128).causally(), ""},
        {"prefill", Of(8, 8, 512, 512, 256), ""},
        {"prefill", Of(8, 8, 512, 512, 256).causally(), ""},
        {"prefill", Of(8, 8, 2048, 2048, 64), ""},
        {"prefill", Of(8, 8, 2048, 2048, 64).causally(), ""},
        {"prefill", Of(8, 8, 2048, 2048, 128), ""},
        {"prefill", Of(8, 8, 2048, 2048, 128).causally(), ""},
        {"prefill", Of(8, 8, 2048, 2048, 256), ""},
        {"prefill", Of(8, 8, 2048, 2048, 256).causally(), ""},

        {"decode", Of(8, 8, 1, 1024, 128), ""},
        {"decode", Of(8, 8, 1, 4096, 128), ""},
        {"decode", Of(8, 8, 1, 8192, 128), ""},
        {"decode", Of(8, 8, 1, 16384, 128), ""},
        {"decode", Of(8, 8, 1, 65536, 128), ""},
        {"decode", Of(32, 8, 1, 1024, 128), ""},
        {"decode", Of(32, 8, 1, 4096, 128), ""},
        {"decode", Of(32, 8, 1, 8192, 128), ""},
        {"decode", Of(32, 8, 1, 16384, 128), ""},
        {"decode", Of(32, 8, 1, 65536, 128), ""},

        {"masks", Of(2, 2, 16384, 16384, 128).causally().window_of(512), ""},
        {"masks", Of(8, 8, 2048, 2048, 128).kept(), ""},
        {"masks", Of(8, 8, 2048, 2048, 128).biased(), ""},
        {"masks", Of(8, 8, 2048, 2048, 128).sloped(), ""},
        {"masks", Of(8, 8, 2048, 2048, 128).capped(50), ""},
        {"masks", Of(8, 8, 2048, 2048, 64).kept(), ""},
        {"masks", Of(8, 8, 2048, 2048, 64).biased(), ""},

        {"real", Of(12, 12, 128, 128, 64).times(8), "BERT-base, 128 tokens"},
        {"real", Of(12, 12, 384, 384, 64).times(2), "BERT-base, 384 tokens"},
        {"real", Of(12, 12, 1024, 1024, 64).causally(), "GPT-2"},
        {"real", Of(25, 25, 1024, 1024, 64).causally(), "GPT-2 XL"},
        {"real", Of(32, 32, 512, 512, 128).causally(), "Llama-2-7B, prompt of 512"},
        {"real", Of(4, 4, 4096, 4096, 128).causally(), "Llama-2-7B, prompt of 4096 (4 of 32 heads)"},
        {"real", Of(32, 32, 1, 4096, 128), "Llama-2-7B, a token"},
        {"real", Of(8, 2, 2016, 2016, 128).causally(), "Llama-3-8B, prompt of 2016 (a quarter of its heads)"},
        {"real", Of(32, 8, 1, 8192, 128).times(4), "Llama-3-8B, a token for 4 requests"},
        {"real", Of(32, 8, 4, 8192, 128).causally(), "Llama-3-8B, 4 tokens"},
        {"real", Of(64, 8, 1, 8192, 128), "Llama-3-70B, a token"},
        {"real", Of(28, 4, 1, 8192, 128), "Qwen2-7B, a token"},
        {"real", Of(7, 1, 2048, 2048, 128).causally(), "Qwen2-7B, prompt of 2048 (a quarter)"},
        {"real", Of(8, 8, 4096, 4096, 96).causally().window_of(2047), "Phi-3 (a quarter)"},
        {"real", Of(4, 1, 8192, 8192, 128).causally().window_of(4096), "Mistral-7B (an eighth)"},
        {"real", Of(4, 2, 2048, 2048, 256).causally().capped(50), "Gemma-2 (a half)"},
        {"real", Of(64, 8, 1, 7680, 64).sinking(), "GPT-OSS, a token"},
        {"real", Of(64, 8, 4, 7680, 64).causally().sinking(), "GPT-OSS, 4 tokens"},
        {"real", Of(8, 1, 2048, 2048, 64).causally().window_of(128).sinking(), "GPT-OSS, window (an eighth)"},
        {"real", Of(20, 20, 1500, 1500, 64), "Whisper-large, encoder"},
        {"real", Of(20, 20, 1, 1500, 64), "Whisper-large, cross-attention of a token"},
        {"real", Of(20, 20, 448, 1500, 64), "Whisper-large, cross-attention"},
        {"real", Of(12, 12, 197, 197, 64).times(8), "ViT-B/16"},
        {"real", Of(2, 2, 5776, 5776, 72), "Qwen3-VL, vision (2 of 16 heads)"},
        {"real", Of(2, 2, 9216, 9216, 64), "Stable Diffusion 2.1, self (2 of 5 heads)"},
        {"real", Of(10, 10, 2304, 2304, 64), "Stable Diffusion 2.1, self"},
        {"real", Of(20, 20, 576, 576, 64).times(2), "Stable Diffusion 2.1, self"},
        {"real", Of(20, 20, 144, 144, 64).times(2), "Stable Diffusion 2.1, self"},
        {"real", Of(5, 5, 9216, 77, 64).times(2), "Stable Diffusion 2.1, cross"},
        {"real", Of(10, 10, 2304, 77, 64).times(2), "Stable Diffusion 2.1, cross"},
        {"real", Of(20, 20, 576, 77, 64).times(2), "Stable Diffusion 2.1, cross"},
        {"real", Of(20, 20, 144, 77, 64).times(2), "Stable Diffusion 2.1, cross"},
        {"real", Of(8, 8, 4096, 77, 40).times(2), "Stable Diffusion 1.5, cross"},
        {"real", Of(8, 8, 1024, 77, 80).times(2), "Stable Diffusion 1.5, cross"},
        {"real", Of(8, 8, 256, 77, 160).times(2), "Stable Diffusion 1.5, cross"},
        {"real", Of(8, 8, 2048, 2048, 192, 128).causally(), "DeepSeek-V3, prompt of 2048 (8 of 128 heads)"},
        {"real", Of(128, 1, 1, 4096, 576, 512).absorbing(), "DeepSeek-V3, a token, absorbed"},
        {"real", Of(128, 1, 1, 32768, 576, 512).absorbing(), "DeepSeek-V3, a token, absorbed"},
        {"real", Of(8, 8, 256, 256, 64), "mobile"},
        {"real", Of(8, 8, 1, 1024, 64), "mobile, a token"},

        {"softmax", Softmax{16, 4096}, ""},
        {"softmax", Softmax{64, 1024}, ""},
        {"softmax", Softmax{256, 512}, ""},
        {"softmax", Softmax{4, 16384}, ""},
        {"softmax", Softmax{1, 128256}, "a vocabulary"},
        {"softmax", Softmax{32768, 4096}, "512 MB to 512 MB"},
        {"softmax", Softmax{1024, 128256}, "525 MB to 525 MB"},
        {"softmax", Softmax{512, 256, true}, ""},
        {"softmax", Softmax{4096, 4096, true}, ""},
    };
    return entries;
}

} // namespace bench
