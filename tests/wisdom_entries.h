/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Entries of wisdom for tests: made up by hand, or at random.
 */
#ifndef GML_TESTS_WISDOM_ENTRIES_H
#define GML_TESTS_WISDOM_ENTRIES_H

#include "src/core/select.h"
#include "src/plan/wisdom.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MACHINE UINT64_C(0x0123456789abcdef)

/* A generator of numbers that is the same everywhere (Knuth's MMIX). */
static uint64_t entries_state = 1;

static inline int64_t entries_any(int64_t below)
{
    entries_state = entries_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(entries_state >> 24) % below;
}

static inline const gml_kernel_set *entries_set(void)
{
    return gml_set_by_name("ref"); /* which every build has */
}

static inline gml_wisdom_entry entries_of_key(const char *key)
{
    gml_wisdom_entry entry = {.machine = ENTRIES_MACHINE, .run = "20260101T120000Z-9f2c41d7", .samples = 96};
    if (!gml_key_read(key, strlen(key), &entry.key)) {
        fprintf(stderr, "no key: %s\n", key);
        abort();
    }
    entry.isa = entries_set()->isa;
    entry.revision =
        gml_revision(entries_set(), (gml_operation)entry.key.operation, (gml_type)entry.key.type);
    entry.gain = entry.low = entry.high = 1;
    return entry;
}

/* A product of f32 on two threads, whose B is packed in panels of `nc`; the model's where nc is 0. */
static inline gml_wisdom_entry entries_gemm(int64_t m, int64_t n, int64_t k, int32_t nc, double gain, gml_scope scope)
{
    gml_wisdom_entry entry = entries_of_key("op=gemm type=f32 layout=nn0 threads=2 m=1 n=1 k=1 batch=1");
    entry.key.size[0] = m, entry.key.size[1] = n, entry.key.size[2] = k;
    entry.scope = (uint8_t)scope;
    if (nc) {
        entry.choice.value[GML_CHOOSE_PACK_B] = GML_YES;
        entry.choice.value[GML_CHOOSE_NC] = nc;
        entry.gain = gain, entry.low = 0.5, entry.high = 2.5;
    }
    return entry;
}

static inline gml_wisdom_entry entries_error(int32_t threads, double value)
{
    gml_wisdom_entry entry = entries_of_key("op=gemm type=f32 layout=nn0 threads=2 m=1 n=1 k=1 batch=1");
    entry.error = true;
    entry.samples = 0;
    entry.key = (gml_key){.operation = entry.key.operation, .type = entry.key.type, .threads = threads};
    entry.gain = entry.low = entry.high = value;
    return entry;
}

/* Any entry that the writer may be given, with all that is valid for some plan or none. */
static inline gml_wisdom_entry entries_random(void)
{
    static const char *const keys[] = {
        "op=gemm type=f32 layout=tn1s threads=1 m=1 n=1 k=1 batch=1",
        "op=gemm type=f64 layout=sp0 threads=1024 m=1 n=1 k=1 batch=1",
        "op=softmax type=f32 layout=ic threads=3 rows=1 cols=1",
        "op=attention type=f32 layout=cbtw threads=7 sequences=1 group=1 q_len=1 kv_len=1 head_dim=1 v_head_dim=1",
    };
    gml_wisdom_entry entry = entries_of_key(keys[entries_any(4)]);
    const gml_operation operation = (gml_operation)entry.key.operation;
    entry.machine = entries_any(2) ? ENTRIES_MACHINE : (uint64_t)entries_any(INT64_MAX);
    snprintf(entry.run, sizeof entry.run, "%.*s", 1 + (int)entries_any(GML_RUN_TEXT - 1),
             "20260101T120000Z-9f2c41d7-abcdefgXYZ-012345");
    entry.samples = (int32_t)entries_any(INT64_C(1) << 31);
    if (entries_any(10) == 0) {
        entry.error = true;
        entry.key.layout = 0;
        memset(entry.key.size, 0, sizeof entry.key.size);
        entry.gain = entry.low = entry.high = (double)entries_any(2000000) / 1000000;
        entry.samples = 0;
        return entry;
    }
    for (int i = 0; gml_key_sizes(operation)[i]; i++)
        entry.key.size[i] = 1 + entries_any(INT64_C(1) << entries_any(41));
    entry.scope = (uint8_t)entries_any(2);
    entry.state = (uint8_t)entries_any(2);
    const gml_parameter *parameters = gml_parameters(operation, NULL);
    for (int i = 0; parameters[i].name; i++) {
        int32_t most = parameters[i].most;
        for (most = parameters[i].names ? 0 : most; parameters[i].names && parameters[i].names[most];)
            most++;
        entry.choice.value[i] = entries_any(3) ? 0 : 1 + (int32_t)entries_any(most);
    }
    if (!gml_choice_is_model(&entry.choice)) {
        const int64_t low = 1 + entries_any(2000000), gain = (low < 1000000 ? 1000000 : low) + entries_any(1000);
        entry.low = (double)low / 1000000;
        entry.gain = (double)gain / 1000000;
        entry.high = (double)(gain + entries_any(900000000)) / 1000000;
    }
    return entry;
}

static inline bool entries_equal(const gml_wisdom_entry *x, const gml_wisdom_entry *y)
{
    return x->machine == y->machine && strcmp(x->isa, y->isa) == 0 && x->revision == y->revision &&
           strcmp(x->run, y->run) == 0 && gml_key_equal(&x->key, &y->key) &&
           memcmp(&x->choice, &y->choice, sizeof x->choice) == 0 && x->gain == y->gain && x->low == y->low &&
           x->high == y->high && x->samples == y->samples && x->scope == y->scope && x->state == y->state &&
           x->error == y->error;
}

#endif
