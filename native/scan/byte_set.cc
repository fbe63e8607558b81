// See byte_set.h.
#include "scan/byte_set.h"

namespace streamgate {
namespace {

// Shares in thousandths, by kind of byte: text logs are mostly lower-case words, digits of timestamps and numbers, and
// the punctuation that separates them. Only the order of magnitude matters.
double ShareOf(unsigned byte) {
  if (byte == ' ') return 0.120;
  if (byte >= '0' && byte <= '9') return 0.022;
  if (byte >= 'a' && byte <= 'z') return 0.018;
  if (byte >= 'A' && byte <= 'Z') return 0.005;
  if (byte == '-' || byte == ':' || byte == '.' || byte == '"' || byte == '/') return 0.012;
  if (byte == '=' || byte == '_' || byte == ',' || byte == '[' || byte == ']') return 0.006;
  if (byte == '\n') return 0.006;
  return byte < 0x80 ? 0.001 : 0.0005;
}

}  // namespace

double ByteSet::Frequency() const {
  double share = 0;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (Has(static_cast<uint8_t>(byte))) share += ShareOf(byte);
  return share < 1 ? share : 1;
}

}  // namespace streamgate
