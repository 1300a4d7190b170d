/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hostile wisdom: every byte changed, every truncation, lines that say what cannot be, and as much of it as a file may
 * hold. Of all that no more is accepted than the lines that are whole.
 */
#define _GNU_SOURCE 1
#include "tests/suite.h"
#include "tests/wisdom_text.h"

/* What is accepted is some of the entries, in their order; the number of them. */
static int64_t accepted(const builder *text, const gml_wisdom_entry entry[3])
{
    reading r = read_text(text->text, text->size, &everything);
    const int64_t count = r.list.count;
    int next = 0;
    for (int64_t i = 0; i < count; i++, next++) {
        while (next < 3 && !entries_equal(&entry[next], &r.list.entry[i]))
            next++;
        ck_assert_msg(next < 3, "another entry is accepted");
    }
    gml_wisdom_list_free(&r.list);
    return count;
}

/* A byte belongs to one line, or two where it ends one: the others are read, and nothing else ever is. Each bit is flipped,
 * and each byte becomes what means something. */
START_TEST(every_byte_changed)
{
    static const char others[] = {'\0', '\n', '\r', ' ', '#', '=', '-', '.', '0', '1', '9', 'f', '\xff'};
    gml_wisdom_entry entry[3];
    builder text = small_file(entry);
    const size_t first = strlen("gemmule-wisdom 1\n");
    for (size_t at = 0; at < text.size; at++) {
        const char was = text.text[at];
        for (size_t i = 0; i < 8 + sizeof others; i++) {
            text.text[at] = (char)(i < 8 ? was ^ 1 << i : others[i - 8]);
            if (text.text[at] == was)
                continue;
            const int64_t count = accepted(&text, entry);
            if (at < first)
                ck_assert_int_eq(count, 0);
            else
                ck_assert_int_ge(count, was == '\n' ? 1 : 2);
        }
        text.text[at] = was;
    }
    ck_assert_int_eq(accepted(&text, entry), 3);
    free(text.text);
}
END_TEST

START_TEST(every_truncation)
{
    gml_wisdom_entry entry[3];
    builder text = small_file(entry);
    int64_t lines = 0;
    for (size_t size = 0; size <= text.size; size++) {
        lines += size > 0 && text.text[size - 1] == '\n';
        reading r = read_text(text.text, size, &everything);
        const int64_t whole = lines - 1 < 3 ? lines - 1 : 3;
        ck_assert(r.read == (lines > 0));
        ck_assert_int_eq(r.list.count, lines > 0 ? whole : 0);
        ck_assert_int_eq(r.count.damaged, lines > 0 && text.text[size - 1] != '\n');
        for (int64_t i = 0; i < r.list.count; i++)
            ck_assert(entries_equal(&entry[i], &r.list.entry[i]));
        gml_wisdom_list_free(&r.list);
    }
    free(text.text);
}
END_TEST

/* What a line that is not damaged may not say: one place of a right line is replaced. */
START_TEST(invalid_lines)
{
    static const char right[] =
        "entry machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 "
        "layout=nn0 threads=2 m=8 n=8 k=8 batch=1 choice=nc=96 gain=1.5 low=1.4 high=1.6 "
        "samples=9 scope=cell state=warm";
    static const char *const cases[][2] = {
        {"entry ", "entri "},
        {"entry ", "entry  "},
        {"entry ", " entry "},
        {"entry ", ""},
        {"machine=0123456789abcdef", "machine=0123456789ABCDEF"},
        {"machine=0123456789abcdef", "machine=0123456789abcde"},
        {"machine=0123456789abcdef", "machine=00123456789abcdef"},
        {"machine=", "machin="},
        {"machine=0123456789abcdef isa=ref", "isa=ref machine=0123456789abcdef"},
        {"revision=00000001", "revision=1"},
        {"revision=00000001", "revision=0x000001"},
        {"run=r", "run="},
        {"run=r", "run=../r"},
        {"run=r", "run=1234567890123456789012345678901234567890"},
        {"op=gemm", "op=gemv"},
        {"m=8", "m=0"},
        {"k=8 ", ""},
        {"batch=1", "batch=1 "},
        {"choice=nc=96", "choice="},
        {"choice=nc=96", "choice=nc"},
        {"choice=nc=96", "choice=nc=0"},
        {"choice=nc=96", "choice=nc=-1"},
        {"choice=nc=96", "choice=nc=99999999999"},
        {"choice=nc=96", "choice=nc=96,nc=96"},
        {"choice=nc=96", "choice=colour=96"},
        {"choice=nc=96", "choice=model"}, /* with another gain than 1 */
        {"choice=nc=96", "nc=96"},
        {" choice=nc=96", " choice=nc=96 choice=nc=96"},
        {"gain=1.5", "gain=1,5"},
        {"gain=1.5", "gain=1.50"},
        {"gain=1.5", "gain=1."},
        {"gain=1.5", "gain=.5"},
        {"gain=1.5", "gain=01.5"},
        {"gain=1.5", "gain=1.5555555"},
        {"gain=1.5", "gain=15e-1"},
        {"gain=1.5", "gain=nan"},
        {"gain=1.5", "gain=inf"},
        {"gain=1.5", "gain=-1.5"},
        {"gain=1.5", "gain=0x1"},
        {"gain=1.5", "gain=1.5.5"},
        {"gain=1.5", "gain=1.3"}, /* below low  */
        {"gain=1.5", "gain=1.7"}, /* above high */
        {"high=1.6", "high=1000.1"},
        {"high=1.6", "high=1001"},
        {"high=1.6", "high=18446744073709551617"},
        {"low=1.4", "low=0"},
        {"gain=1.5 low=1.4", "gain=0.9 low=0.8"},
        {"samples=9", "samples=-9"},
        {"samples=9", "samples=2147483648"},
        {"samples=9", "samples=9.5"},
        {"scope=cell", "scope=all"},
        {"state=warm", "state=cold"},
        {"state=warm", "state="},
        {"state=warm", "state=warm x=1"},
        {"state=warm", "state=warm "},
        {" state=warm", ""},
    };
    for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
        char line[GML_WISDOM_LINE];
        snprintf(line, sizeof line, "%s", right);
        if (i > 0) {
            const char *const *c = cases[i - 1];
            const char *at = strstr(right, c[0]);
            ck_assert_ptr_nonnull(at);
            snprintf(line, sizeof line, "%.*s%s%s", (int)(at - right), right, c[1], at + strlen(c[0]));
        }
        builder text = {0};
        append_begin(&text);
        append_signed(&text, line);
        reading r = read_all(&text, &everything);
        ck_assert(r.read);
        ck_assert_msg(r.count.accepted == (i == 0) && r.count.invalid == (i > 0), "%s", line);
        gml_wisdom_list_free(&r.list);
    }
}
END_TEST

START_TEST(invalid_errors_and_ends)
{
    static const char right[] =
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 "
        "threads=2 value=0.5";
    static const char *const wrong[] = {
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemv type=f32 threads=2 value=0.5",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=softmax type=f64 threads=2 "
        "value=0.5",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type= threads=2 value=0.5",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 threads=0 value=0.5",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 threads=2 value=-1",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 threads=2 value=0.5 "
        "x=1",
        "error machine=0123456789abcdef isa=ref revision=00000001 run=r op=gemm type=f32 threads=2",
        "end lines=-1",
        "end lines=2 lines=2",
        "end",
    };
    builder text = {0};
    append_begin(&text);
    append_signed(&text, right);
    append_signed(&text, "end lines=999999999999999999");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        append_signed(&text, wrong[i]);
    reading r = read_all(&text, &everything);
    ck_assert_int_eq(r.count.accepted, 1);
    ck_assert_int_eq(r.count.invalid, sizeof wrong / sizeof *wrong);
    ck_assert(r.list.entry[0].error && r.list.entry[0].gain == 0.5);
    gml_wisdom_list_free(&r.list);
}
END_TEST

START_TEST(damaged_lines)
{
    builder text = {0};
    append_begin(&text);
    append_text(&text, "# a comment\n\n#\n");
    append_text(&text, "entry\n");
    append_text(&text, " crc=00000000\n");
    append_text(&text, "end lines=1 crc=0000000\n");
    append_text(&text, "end lines=1 crc=000000000\n");
    append_text(&text, "end lines=1 crc=0000000g\n");
    append_text(&text, "end lines=1\n");
    char longest[GML_WISDOM_LINE + 1]; /* with checksum and end: one more than a line may have */
    memset(longest, 'x', sizeof longest);
    longest[GML_WISDOM_LINE - 13] = '\0';
    append_signed(&text, longest);
    reading r = read_all(&text, &everything);
    ck_assert(r.read);
    ck_assert_int_eq(r.count.damaged, 7);
    ck_assert_int_eq(r.count.accepted + r.count.invalid, 0);
    gml_wisdom_list_free(&r.list);
}
END_TEST

/* 8 MiB, the most that is read from a file, of what costs a reader most. */
START_TEST(large_files)
{
    enum { SIZE = 8 << 20, FORMS = 6 };
    for (int form = 0; form < FORMS; form++) {
        builder text = {0};
        append_begin(&text);
        text.text = realloc(text.text, SIZE + GML_WISDOM_LINE);
        ck_assert_ptr_nonnull(text.text);
        int64_t lines = 0;
        while (text.size < SIZE) {
            char line[GML_WISDOM_LINE + 1];
            const gml_wisdom_entry entry = entries_gemm(1 + lines, 8, 8, 0, 1, GML_SCOPE_EXACT);
            size_t size = gml_wisdom_write(&entry, line);
            switch (form) {
            case 0: /* no end of a line */
                memset(line, 'e', size = 1000);
                break;
            case 1: /* nothing but ends */
                memset(line, '\n', size = 1000);
                break;
            case 2: /* bytes of all kinds */
                for (size_t i = 0; i < size; i++)
                    line[i] = (char)entries_any(256);
                break;
            case 3: /* the longest lines with wrong checksums */
                size = (size_t)snprintf(line, sizeof line, "%01010d crc=00000000\n", 0);
                break;
            case 4: /* wrong checksums in right lines */
                line[size - 2] ^= 1;
                break;
            default:
                break; /* right lines */
            }
            memcpy(text.text + text.size, line, size);
            text.size += size;
            lines++;
        }
        reading r = read_all(&text, &everything);
        ck_assert(r.read);
        ck_assert_int_eq(r.count.accepted, form == 5 ? lines : 0);
        if (form == 3 || form == 4)
            ck_assert_int_eq(r.count.damaged, lines);
        gml_wisdom_list_free(&r.list);
    }
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("wisdom_hostile", 120, (const TTest *const[]){
        every_byte_changed,
        every_truncation,
        invalid_lines,
        invalid_errors_and_ends,
        damaged_lines,
        large_files,
        NULL,
    });
    /* clang-format on */
}
