// CRC32C (Castagnoli), the checksum of the spool: polynomial 0x1EDC6F41, reflected, as in RFC 3720 section 12.1. By the
// processor's instruction where it has one (SSE4.2, ARMv8 CRC), else eight bytes a step from eight tables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

// The checksum of `size` bytes behind others whose checksum is `before`.
uint32_t Crc32c(const void* data, size_t size, uint32_t before = 0);

// What Crc32c is without the instruction, for tests.
uint32_t Crc32cByTables(const void* data, size_t size, uint32_t before = 0);
bool HasCrc32cInstruction();

}  // namespace streamgate
