/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A search for wisdom whose outcome is looked at: for tests of files and of places.
 */
#ifndef GML_TESTS_WISDOM_SEARCH_H
#define GML_TESTS_WISDOM_SEARCH_H

#include "src/plan/wisdom_files.h"
#include "tests/made_wisdom.h"

static const char key_text[] = "op=gemm type=f32 layout=nn0 threads=1 m=100 n=200 k=300 batch=1";
static gml_key key;
static gml_wisdom_filter filter;

static inline bool search_prepare(void)
{
    filter = (gml_wisdom_filter){made_machine(), gml_context_or_default(NULL)->runtime.set};
    return gml_key_read(key_text, sizeof key_text - 1, &key);
}

typedef struct outcome {
    gml_wisdom_list list;
    gml_wisdom_loaded loaded;
    char first[MADE_PATH]; /* file that was told of */
    gml_wisdom_refusal refusal;
    int told;
} outcome;

static inline void told(void *host, const char *path, gml_wisdom_refusal refusal, const gml_wisdom_count *lines)
{
    outcome *self = host;
    (void)lines;
    if (self->told++ == 0) {
        snprintf(self->first, sizeof self->first, "%s", path);
        self->refusal = refusal;
    }
}

static inline void forget(outcome *o)
{
    gml_wisdom_list_free(&o->list);
    *o = (outcome){.told = 0};
}

static inline void search(outcome *o, const char *list, const char *user, const char *system)
{
    const gml_wisdom_places places = {list, user, system};
    const gml_wisdom_listener listener = {told, o};
    gml_wisdom_search_places(&o->list, &places, &filter, &o->loaded, &listener);
}

/* A file with one entry that has an nc of its own, by which it is known. */
static inline void put(const char *path, int nc)
{
    char choice[32];
    snprintf(choice, sizeof choice, "nc=%d", nc);
    const gml_wisdom_entry entry = made_entry(key_text, choice);
    made_wisdom(path, &entry, 1);
}

/* The nc of the first entry for the key; 0: there is none. */
static inline int first_nc(const outcome *o)
{
    for (int64_t i = 0; i < o->list.count; i++)
        if (gml_key_equal(&o->list.entry[i].key, &key))
            return o->list.entry[i].choice.value[GML_CHOOSE_NC];
    return 0;
}

#endif
