/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reader of .npy files: what it accepts, and that everything else gets a sentence. Files are made in
 * memory, written to a temporary one and read back. Every cut and every changed byte of a good file is tried
 * as well.
 */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include "cli/npy.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct content {
    unsigned char bytes[512];
    size_t size;
} content;

static char path[] = "/tmp/gemmule-npy-XXXXXX";
static char why[256];

/* A version 1.0 file with a header, ended by its newline, and `data` bytes counting upwards. */
static content make(const char *header, size_t data)
{
    content file = {.size = 0};
    const size_t length = strlen(header) + 1;
    memcpy(file.bytes, "\x93NUMPY\x01\x00", 8);
    file.bytes[8] = (unsigned char)(length & 0xff);
    file.bytes[9] = (unsigned char)(length >> 8);
    memcpy(file.bytes + 10, header, length - 1);
    file.bytes[10 + length - 1] = '\n';
    file.size = 10 + length + data;
    ck_assert_uint_le(file.size, sizeof file.bytes);
    for (size_t i = 0; i < data; i++)
        file.bytes[10 + length + i] = (unsigned char)i;
    return file;
}

static content good(void)
{
    return make("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      ", 24);
}

static bool read_back(const content *file, npy_array *array)
{
    FILE *to = fopen(path, "wb");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(file->bytes, 1, file->size, to), file->size);
    ck_assert_int_eq(fclose(to), 0);
    *why = '\0';
    return npy_read(path, array, why, sizeof why);
}

static void refused(content file, const char *sentence)
{
    npy_array array;
    memset(&array, 0x55, sizeof array);
    const npy_array before = array;
    ck_assert_msg(!read_back(&file, &array), "accepted where '%s' was expected", sentence);
    ck_assert_msg(strstr(why, sentence) != NULL, "'%s' does not say '%s'", why, sentence);
    ck_assert_msg(!strncmp(why, path, strlen(path)), "'%s' does not start with the path", why);
    ck_assert_mem_eq(&array, &before, sizeof array);
}

static void accepted(const char *header, size_t data, npy_type type, int dims, int64_t count)
{
    const content file = make(header, data);
    npy_array array;
    ck_assert_msg(read_back(&file, &array), "refused: %s", why);
    ck_assert_int_eq(array.type, type);
    ck_assert_int_eq(array.dims, dims);
    ck_assert_int_eq(array.count, count);
    ck_assert_mem_eq(array.data, file.bytes + file.size - data, data);
    npy_free(&array);
}

START_TEST(reads_what_numpy_writes)
{
    const content file = good();
    npy_array array;
    char text[64];
    ck_assert_msg(read_back(&file, &array), "refused: %s", why);
    ck_assert_int_eq(array.shape[0], 2);
    ck_assert_int_eq(array.shape[1], 3);
    ck_assert_str_eq(npy_shape_text(array.dims, array.shape, text, sizeof text), "2 x 3");
    ck_assert_str_eq(npy_type_name(array.type), "f32");
    npy_free(&array);
    accepted("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 16, NPY_F64, 1, 2);
    accepted("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 1, NPY_U8, 0, 1);
    accepted("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0, 5), }", 0, NPY_F32, 3, 0);
    accepted("{\"shape\":(1,2,),\"fortran_order\":False,\"descr\":\"<f4\"}", 8, NPY_F32, 2, 2);
}
END_TEST

START_TEST(refuses_what_is_no_npy)
{
    content file = {.size = 0};
    refused(file, "no .npy file");
    file = good();
    file.bytes[1] = 'M';
    refused(file, "no .npy file");
    file = good();
    file.bytes[6] = 2;
    refused(file, "version is 2.0, must be 1.0");
    file = good();
    file.bytes[9] = 0xff;
    refused(file, "ends within its header");
}
END_TEST

START_TEST(refuses_other_arrays)
{
    refused(make("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24), "type is '>f4'");
    refused(make("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", 24), "type is '<i8'");
    refused(make("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", 24), "no short text");
    refused(make("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24), "Fortran order");
    refused(make("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", 24), "neither True nor False");
    refused(make("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }", 1),
            "more than 8 dimensions");
}
END_TEST

START_TEST(refuses_broken_headers)
{
    refused(make("", 24), "no dictionary");
    refused(make("['descr']", 24), "no dictionary");
    refused(make("{'descr' '<f4'}", 24), "no dictionary");
    refused(make("{'descr': '<f4', 'fortran_order': False, }", 24), "lacks 'shape'");
    refused(make("{'descr': '<f4', 'shape': (6,), }", 24), "lacks 'fortran_order'");
    refused(make("{'fortran_order': False, 'shape': (6,), }", 24), "lacks 'descr'");
    refused(make("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24), "twice");
    refused(make("{'colour': 'red', 'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24),
            "'colour'");
    refused(make("{'descr': '<f4' 'fortran_order': False, 'shape': (6,), }", 24), "lacks a comma");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (6), }", 24), "shape lacks a comma");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }", 24), "shape lacks a comma");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': 6, }", 24), "no tuple");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (-6,), }", 24), "no number");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), } 7", 24), "newline");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (6", 24), "comma");
}
END_TEST

START_TEST(refuses_sizes_that_do_not_fit)
{
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23), "needs 24 bytes");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25), "the file has 25");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", 24),
            "64 bits");
    refused(make("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", 24),
            "address space");
    refused(make("{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,), }", 24),
            "address space");
}
END_TEST

START_TEST(refuses_files_that_cannot_be_read)
{
    npy_array array;
    ck_assert(!npy_read("/nonexistent/x.npy", &array, why, sizeof why));
    ck_assert_str_eq(why, "/nonexistent/x.npy: No such file or directory");
    ck_assert(!npy_read("/tmp", &array, why, sizeof why));
    ck_assert_str_eq(why, "/tmp: Is a directory");
    ck_assert(!npy_read("/nonexistent/x.npy", &array, why, 8));
    ck_assert_str_eq(why, "/nonexi");
}
END_TEST

/* A file that ends early is never accepted, and one changed byte of the header either is refused or
 * describes as many bytes as there are. */
START_TEST(survives_every_cut_and_change)
{
    npy_array array;
    content file = good();
    for (size_t size = file.size; size-- > 0;) {
        file.size = size;
        ck_assert_msg(!read_back(&file, &array), "accepted when cut to %zu bytes", size);
    }
    for (size_t i = 0; i < good().size - 24; i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            file = good();
            file.bytes[i] = (unsigned char)byte;
            if (!read_back(&file, &array)) {
                ck_assert_msg(*why, "no sentence");
                continue;
            }
            ck_assert_int_eq(array.count * (array.type == NPY_F32 ? 4 : array.type == NPY_F64 ? 8 : 1), 24);
            npy_free(&array);
        }
}
END_TEST

int main(void)
{
    const int handle = mkstemp(path);
    if (handle < 0) {
        perror(path);
        return EXIT_FAILURE;
    }
    close(handle);
    const int code = suite_run("npy", 60,
                               (const TTest *const[]){
                                   reads_what_numpy_writes,
                                   refuses_what_is_no_npy,
                                   refuses_other_arrays,
                                   refuses_broken_headers,
                                   refuses_sizes_that_do_not_fit,
                                   refuses_files_that_cannot_be_read,
                                   survives_every_cut_and_change,
                                   NULL,
                               });
    unlink(path);
    return code;
}
