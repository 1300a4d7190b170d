/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What wisdom is valid for: the machine, by its fingerprint, and the code, by the revisions of its sources.
 */
#include "src/plan/wisdom.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#define ARCHITECTURE "x86"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm"
#else
#define ARCHITECTURE "other"
#endif

/* Appends, as far as there is room. */
static void add(char text[GML_FINGERPRINT_TEXT], const char *more)
{
    const size_t used = strlen(text);
    snprintf(text + used, GML_FINGERPRINT_TEXT - used, "%s", more);
}

static void add_bytes(char text[GML_FINGERPRINT_TEXT], char before, int64_t bytes)
{
    static const char units[] = {'G', 'M', 'K'};
    char more[32];
    snprintf(more, sizeof more, "%c%" PRId64, before, bytes);
    for (int i = 0; i < 3; i++) {
        const int shift = 30 - 10 * i;
        if (bytes > 0 && bytes % (INT64_C(1) << shift) == 0) {
            snprintf(more, sizeof more, "%c%" PRId64 "%c", before, bytes >> shift, units[i]);
            break;
        }
    }
    add(text, more);
}

/* One word: hypervisors write into vendors what they like. */
static void add_vendor(char text[GML_FINGERPRINT_TEXT], const char *vendor)
{
    char word[sizeof((gml_machine *)0)->vendor];
    snprintf(word, sizeof word, "%.*s", (int)sizeof word - 1, *vendor ? vendor : "unknown");
    for (char *c = word; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '_';
    add(text, word);
}

static void add_features(char text[GML_FINGERPRINT_TEXT], uint64_t features)
{
    const char *before = "";
    for (const gml_cpu_feature *feature = gml_cpu_feature_names; feature->name; feature++)
        if (features & feature->bit) {
            add(text, before);
            add(text, feature->name);
            before = ",";
        }
    if (!*before)
        add(text, "none");
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv). */
static uint64_t fnv1a(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t gml_fingerprint(const gml_machine *machine, char text[GML_FINGERPRINT_TEXT])
{
    char number[40];
    text[0] = '\0';
    add(text, ARCHITECTURE " ");
    add_vendor(text, machine->vendor);
    snprintf(number, sizeof number, " %" PRId32 "-%" PRId32 " ", machine->family, machine->variant);
    add(text, number);
    add_features(text, machine->features);
    add_bytes(text, ' ', machine->l1d.bytes);
    add_bytes(text, '/', machine->l2.bytes);
    add_bytes(text, '/', machine->l3.bytes);
    return fnv1a(text);
}

/* Of all instruction sets, also of those that this build leaves out. */
static const struct {
    char isa[12];
    uint8_t operation, type;
    uint32_t revision;
} revisions[] = {
#define GML_REVISION(isa, operation, type, revision) {#isa, GML_OPERATION_##operation, GML_##type, revision},
#include "src/plan/revisions.def"
#undef GML_REVISION
};

uint32_t gml_revision(const gml_kernel_set *set, gml_operation operation, gml_type type)
{
    for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++)
        if (revisions[i].operation == operation && revisions[i].type == type &&
            strcmp(revisions[i].isa, set->isa) == 0)
            return revisions[i].revision;
    return 0;
}

const char *gml_wisdom_isa(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++)
        if (strlen(revisions[i].isa) == length && memcmp(revisions[i].isa, name, length) == 0)
            return revisions[i].isa;
    return NULL;
}
