// See replace.h.
#include "match/replace.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "match/pattern.h"
#include "re2/re2.h"

namespace streamgate {
namespace {

// Bytes of the character at `p`, of which `left` are there; 1 where the bytes decode to none. A character is what RE2's
// own decoder takes for one: surrogates (ED A0 80 to ED BF BF) included, overlong forms and values above 10FFFF not.
size_t CharacterBytes(const char* p, size_t left) {
  const auto byte = [p](size_t i) { return static_cast<unsigned char>(p[i]); };
  const auto continues = [&byte](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0xc2) return 1;  // ASCII, a continuation, or overlong
  if (first < 0xe0) return left >= 2 && continues(1) ? 2 : 1;
  if (first < 0xf0) {
    if (left < 3 || !continues(1) || !continues(2)) return 1;
    return first == 0xe0 && byte(1) < 0xa0 ? 1 : 3;
  }
  if (first > 0xf4 || left < 4 || !continues(1) || !continues(2) || !continues(3)) return 1;
  if (first == 0xf0 && byte(1) < 0x90) return 1;
  if (first == 0xf4 && byte(1) > 0x8f) return 1;
  return 4;
}

}  // namespace

void Scratch::Append(const char* data, size_t size) {
  if (size == 0) return;
  if (size > capacity_ - size_) {
    const size_t capacity = std::max({size_ + size, 2 * capacity_, size_t{4096}});
    std::unique_ptr<char[]> grown(new char[capacity]);
    if (size_ > 0) std::memcpy(grown.get(), bytes_.get(), size_);
    bytes_ = std::move(grown);
    capacity_ = capacity;
  }
  std::memcpy(bytes_.get() + size_, data, size);
  size_ += size;
}

Replacement::Replacement(std::unique_ptr<re2::RE2> pattern, std::vector<Piece> pieces, int groups)
    : pattern_(std::move(pattern)),
      fixed_(groups == 0 ? FixedPattern::Of(*pattern_) : nullptr),
      pieces_(std::move(pieces)),
      submatches_(groups + 1) {}

Replacement::~Replacement() = default;

std::unique_ptr<Replacement> Replacement::Prepare(std::string_view pattern, std::string_view rewrite,
                                                  std::string* error) {
  std::unique_ptr<re2::RE2> compiled = CompilePattern(pattern, error);
  if (compiled == nullptr || !compiled->CheckRewriteString(rewrite, error)) return nullptr;
  std::vector<Piece> pieces;
  int groups = 0;
  for (size_t i = 0; i < rewrite.size(); ++i) {
    if (rewrite[i] == '\\' && rewrite[i + 1] != '\\') {  // checked above: a digit follows
      const int group = rewrite[++i] - '0';
      groups = std::max(groups, group);
      pieces.push_back({group, ""});
      continue;
    }
    if (rewrite[i] == '\\') ++i;
    if (pieces.empty() || pieces.back().group >= 0) pieces.push_back({-1, ""});
    pieces.back().literal += rewrite[i];
  }
  return std::unique_ptr<Replacement>(new Replacement(std::move(compiled), std::move(pieces), groups));
}

template <typename Visit>
QuarantineCause Replacement::EachMatch(std::string_view text, PrefilterSearch* search, uint64_t matches_max,
                                       uint64_t* count, const Visit& visit) const {
  // RE2 rewrites name \0 to \9.
  std::string_view submatch[10];
  const char* last_end = nullptr;
  size_t at = 0;
  while (at <= text.size()) {
    if (search != nullptr && fixed_ != nullptr) {
      submatch[0] = fixed_->Find(text, at, search);
      if (submatch[0].empty()) break;
    } else {
      const size_t search_from = search != nullptr ? search->From(at) : at;
      if (search_from == std::string_view::npos) break;
      if (!pattern_->Match(text, search_from, text.size(), re2::RE2::UNANCHORED, submatch, submatches_)) break;
    }
    const std::string_view match = submatch[0];
    if (match.empty() && match.data() == last_end) {
      at += at < text.size() ? CharacterBytes(text.data() + at, text.size() - at) : 1;
      continue;
    }
    if (*count == matches_max) return QuarantineCause::kMatchLimit;
    ++*count;
    QuarantineCause cause = QuarantineCause::kNone;
    if (!visit(submatch, &cause)) return cause;
    last_end = match.data() + match.size();
    at = static_cast<size_t>(last_end - text.data());
  }
  return QuarantineCause::kNone;
}

bool Replacement::Rewrite(const std::string_view* submatches, uint64_t output_bytes_max, Scratch* out) const {
  for (const Piece& piece : pieces_) {
    const std::string_view bytes = piece.group < 0 ? std::string_view(piece.literal) : submatches[piece.group];
    // Checked before it is copied: one rewrite may name a long match a thousand times.
    if (out->size() + bytes.size() > output_bytes_max) return false;
    out->Append(bytes.data(), bytes.size());
  }
  return out->size() <= output_bytes_max;
}

QuarantineCause Replacement::Run(std::string_view text, PrefilterSearch* search, const Limits& limits, Scratch* out,
                                 uint64_t* matches) const {
  size_t copied = 0;
  uint64_t count = 0;
  out->Clear();
  const QuarantineCause cause = EachMatch(text, search, limits.matches_max, &count,
                                          [&](const std::string_view* submatches, QuarantineCause* stop) {
                                            const auto begin = static_cast<size_t>(submatches[0].data() - text.data());
                                            out->Append(text.data() + copied, begin - copied);
                                            copied = begin + submatches[0].size();
                                            if (Rewrite(submatches, limits.output_bytes_max, out)) return true;
                                            *stop = QuarantineCause::kOutputLimit;
                                            return false;
                                          });
  if (cause != QuarantineCause::kNone) return cause;
  *matches = count;
  if (count == 0) return QuarantineCause::kNone;
  out->Append(text.data() + copied, text.size() - copied);
  return out->size() > limits.output_bytes_max ? QuarantineCause::kOutputLimit : QuarantineCause::kNone;
}

QuarantineCause Replacement::Find(std::string_view text, PrefilterSearch* search, const Limits& limits, bool first_only,
                                  uint64_t* count, Scratch* rewrites, std::vector<Match>* matches) const {
  return EachMatch(text, search, limits.matches_max, count,
                   [&](const std::string_view* submatches, QuarantineCause* stop) {
                     if (submatches[0].empty()) return true;
                     const size_t begin = rewrites->size();
                     if (!Rewrite(submatches, limits.output_bytes_max, rewrites)) {
                       *stop = QuarantineCause::kOutputLimit;
                       return false;
                     }
                     matches->push_back({submatches[0], begin, rewrites->size()});
                     return !first_only;
                   });
}

}  // namespace streamgate
