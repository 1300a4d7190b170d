/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4), eight bytes at a time.
 */
#ifndef GML_PLAN_CRC32C_H
#define GML_PLAN_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Made where it is needed, in some microseconds: there is nothing to initialise, and nothing to share. */
typedef struct gml_crc32c_table {
    uint32_t of[8][256]; /* of[i][byte]: of the byte with i zeros behind it */
} gml_crc32c_table;

void gml_crc32c_prepare(gml_crc32c_table *table);
uint32_t gml_crc32c(const gml_crc32c_table *table, const char *text, size_t size);

#endif
