/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom as text: what is written is read back, and what does not match is counted.
 */
#define _GNU_SOURCE 1
#include "tests/suite.h"
#include "tests/wisdom_text.h"
#include <locale.h>
#include <math.h>

START_TEST(checksums)
{
    static const unsigned char zeros[32] = {0};
    gml_crc32c_table table;
    gml_crc32c_prepare(&table);
    ck_assert_uint_eq(gml_crc32c(&table, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(gml_crc32c(&table, (const char *)zeros, 32), 0x8a9136aa); /* RFC 3720, appendix B.4 */
    ck_assert_uint_eq(gml_crc32c(&table, "", 0), 0);
}
END_TEST

START_TEST(lines_as_documented)
{
    gml_wisdom_entry entry = entries_gemm(1024, 1024, 64, 960, 1.083, GML_SCOPE_CELL);
    entry.low = 1.071, entry.high = 1.094;
    entry.revision = 0x8c1e22f0;
    char line[GML_WISDOM_LINE];
    gml_wisdom_write(&entry, line);
    ck_assert_ptr_nonnull(strstr(line, " crc="));
    *strstr(line, " crc=") = '\0';
    ck_assert_str_eq(
        line, "entry machine=0123456789abcdef isa=ref revision=8c1e22f0 run=20260101T120000Z-9f2c41d7 "
              "op=gemm type=f32 layout=nn0 threads=2 m=1024 n=1024 k=64 batch=1 choice=pack_b=yes,nc=960 "
              "gain=1.083 low=1.071 high=1.094 samples=96 scope=cell state=rotated");
    entry = entries_error(2, 0.031);
    entry.revision = 0x8c1e22f0;
    gml_wisdom_write(&entry, line);
    *strstr(line, " crc=") = '\0';
    ck_assert_str_eq(line,
                     "error machine=0123456789abcdef isa=ref revision=8c1e22f0 run=20260101T120000Z-9f2c41d7 "
                     "op=gemm type=f32 threads=2 value=0.031");
    ck_assert_uint_eq(gml_wisdom_write_begin(line), 17);
    ck_assert_str_eq(line, "gemmule-wisdom 1\n");
    ck_assert_uint_eq(gml_wisdom_write_end(2, line), strlen(line));
    ck_assert_int_eq(strncmp(line, "end lines=2 crc=", 16), 0);
    ck_assert_str_eq(line + strlen(line) - 1, "\n");
}
END_TEST

/* Millionths are exact; what is no gain becomes one that no reader takes. */
START_TEST(ratios)
{
    static const struct {
        double gain;
        const char *text;
    } cases[] = {{1, "1"},
                 {1.5, "1.5"},
                 {1.083, "1.083"},
                 {1.0000004, "1"},
                 {1.0000006, "1.000001"},
                 {999.999999, "999.999999"},
                 {1000, "1000"},
                 {1e300, "1000"},
                 {INFINITY, "1000"},
                 {NAN, "0"},
                 {-1, "0"},
                 {0, "0"},
                 {0.000001, "0.000001"},
                 {0.1, "0.1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[GML_WISDOM_LINE];
        const gml_wisdom_entry entry = entries_error(1, cases[i].gain);
        gml_wisdom_write(&entry, line);
        char *value = strstr(line, " value=") + 7;
        *strchr(value, ' ') = '\0';
        ck_assert_str_eq(value, cases[i].text);
    }
    for (int parts = 1; parts < 3000000; parts += 101) {
        builder text = {0};
        append_begin(&text);
        const gml_wisdom_entry entry = entries_error(1, parts / 1e6);
        append_entry(&text, &entry);
        reading r = read_all(&text, &everything);
        ck_assert_int_eq(r.count.accepted, 1);
        ck_assert(r.list.entry[0].gain == parts / 1e6);
        gml_wisdom_list_free(&r.list);
    }
}
END_TEST

START_TEST(entries_are_read_back)
{
    enum { MOST = 5000 };
    static gml_wisdom_entry entry[MOST];
    builder text = {0};
    append_begin(&text);
    for (int i = 0; i < MOST; i++) {
        entry[i] = entries_random();
        append_entry(&text, &entry[i]);
    }
    char line[GML_WISDOM_LINE];
    append(&text, line, gml_wisdom_write_end(MOST, line));
    reading r = read_all(&text, &everything);
    ck_assert(r.read);
    ck_assert_int_eq(r.count.accepted, MOST);
    ck_assert_int_eq(r.count.foreign + r.count.stale + r.count.damaged + r.count.invalid, 0);
    for (int i = 0; i < MOST; i++)
        ck_assert(entries_equal(&entry[i], &r.list.entry[i]));
    gml_wisdom_list_free(&r.list);
    ck_assert_int_eq(r.list.count, 0);
}
END_TEST

/* A program may have set another decimal point. */
START_TEST(locales)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8",
                                        "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && !setlocale(LC_ALL, names[i]))
        i++;
    if (i == sizeof names / sizeof *names)
        fprintf(stderr, "test_wisdom: this system has no locale with a decimal comma\n");
    const gml_wisdom_entry entry = entries_gemm(1024, 1024, 64, 960, 1.5, GML_SCOPE_CELL);
    builder text = {0};
    append_begin(&text);
    append_entry(&text, &entry);
    ck_assert_ptr_nonnull(strstr(text.text, " gain=1.5 "));
    reading r = read_all(&text, &everything);
    ck_assert(setlocale(LC_ALL, "C") != NULL);
    ck_assert_int_eq(r.count.accepted, 1);
    ck_assert(r.list.entry[0].gain == 1.5);
    gml_wisdom_list_free(&r.list);
}
END_TEST

START_TEST(counts_of_what_does_not_match)
{
    gml_wisdom_entry entry = entries_gemm(10, 10, 10, 96, 1.5, GML_SCOPE_CELL), other;
    builder text = {0};
    append_begin(&text);
    append_entry(&text, &entry);
    other = entry, other.machine++;
    append_entry(&text, &other);
    other = entry, other.isa = "avx512";
    append_entry(&text, &other);
    other = entry, other.isa = "sve"; /* of a library to come */
    append_entry(&text, &other);
    other = entry, other.revision++;
    append_entry(&text, &other);
    other = entry, other.key.type = GML_F64; /* the revision of another type */
    append_entry(&text, &other);
    other = entries_error(2, 0.5), other.revision++;
    append_entry(&text, &other);
    const builder again = {.text = strdup(text.text), .size = text.size};

    const gml_wisdom_filter ours = {ENTRIES_MACHINE, entries_set()};
    reading r = read_all(&text, &ours);
    ck_assert_int_eq(r.count.accepted, 1);
    ck_assert_int_eq(r.count.foreign, 3);
    ck_assert_int_eq(r.count.stale, 3);
    ck_assert_int_eq(r.count.damaged + r.count.invalid, 0);
    ck_assert(entries_equal(&r.list.entry[0], &entry));
    gml_wisdom_list_free(&r.list);

    r = read_text(again.text, again.size, &everything);
    ck_assert_int_eq(r.count.accepted, 6);
    ck_assert_int_eq(r.count.foreign, 1);
    gml_wisdom_list_free(&r.list);
    free(again.text);
}
END_TEST

/* Files of one version behind each other are read; of another version nothing is, up to the next that is ours. */
START_TEST(versions_and_joined_files)
{
    static const char *const no_wisdom[] = {"",
                                            "\n",
                                            "#\ngemmule-wisdom 1\n",
                                            "gemmule-wisdom",
                                            "wisdom 1\n",
                                            "gemmule\n",
                                            "gemmule-wisdom 1",
                                            "gemmule-wisdom1\n",
                                            "\0gemmule-wisdom 1\n"};
    for (size_t i = 0; i < sizeof no_wisdom / sizeof *no_wisdom; i++) {
        const reading r = read_text(no_wisdom[i], i == 8 ? 18 : strlen(no_wisdom[i]), &everything);
        ck_assert_msg(!r.read, "%s", no_wisdom[i]);
    }
    gml_wisdom_entry entry[3];
    builder one = small_file(entry), text = {0};
    append(&text, one.text, one.size);
    append(&text, one.text, one.size);
    append_text(&text, "gemmule-wisdom 2\n");
    append_text(&text, "another language\n# a comment\n");
    append(&text, one.text, one.size);
    append_text(&text, "gemmule-wisdom 1 \nunread\n");
    free(one.text);
    reading r = read_all(&text, &everything);
    ck_assert(r.read);
    ck_assert_int_eq(r.count.accepted, 9);
    ck_assert_int_eq(r.count.invalid, 4);
    ck_assert_int_eq(r.count.damaged, 0);

    /* What is there already stays, also where nothing comes to it. */
    gml_wisdom_count count = {0};
    ck_assert(!gml_wisdom_read(&r.list, "no wisdom\n", 10, &everything, &count));
    ck_assert_int_eq(r.list.count, 9);
    ck_assert(entries_equal(&r.list.entry[8], &entry[2]));
    gml_wisdom_list_free(&r.list);
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("wisdom", 120, (const TTest *const[]){
        checksums,
        lines_as_documented,
        ratios,
        entries_are_read_back,
        locales,
        counts_of_what_does_not_match,
        versions_and_joined_files,
        NULL,
    });
    /* clang-format on */
}
