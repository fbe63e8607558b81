// Strict JSON (RFC 8259, exactly what JSON.parse accepts) read in place: values are skipped and checked, nothing is
// built.
//
// Before anything is read, one vector pass marks the bytes that can end a run of plain string characters; strings, most
// of a record's bytes, are then taken from mark to mark.
//
// A record is a stranger's text, so nesting costs one bit a level in a buffer that is kept for the next record, never a
// stack frame. Bytes of 0x80 and above are taken as they are inside strings, broken UTF-8 included, and refused
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace streamgate {

// A piece of the text and how to read it.
struct JsonScalar {
  const char* data = nullptr;
  size_t size = 0;
  // A string's bytes between its quotes; otherwise the source text of a number, true, false or null.
  bool is_string = false;
  // The string holds escapes: compare it decoded.
  bool escaped = false;
};

class JsonText {
 public:
  // The first byte of a text that is not white space, 0 when there is none: most of what is no JSON shows here.
  static char First(const char* data, size_t size);

  // Starts on a text, which is borrowed until the next Reset. Keeps its buffers.
  void Reset(const char* data, size_t size);
  const char* at() const { return at_; }
  // Goes back to a place that `at` gave earlier.
  void Seek(const char* at) { at_ = at; }

  // The next byte that is not white space (which it skips), without taking it; 0 at the end. A NUL in the text also
  // reads as 0, and no value begins with one.
  char Peek() {
    at_ = Past(at_);
    return at_ < end_ ? *at_ : 0;
  }
  // Takes `c` when it is the next byte after white space.
  bool Take(char c) {
    const char* const p = Past(at_);
    if (p == end_ || *p != c) return false;
    at_ = p + 1;
    return true;
  }
  bool AtEnd() {
    Peek();
    return at_ == end_;
  }

  // Takes a string; the place must be at its opening quote. False: malformed.
  bool String(JsonScalar* out) {
    const char* const from = at_ + 1;
    const char* const after = StringEnd(at_, &out->escaped);
    if (after == nullptr) return false;
    out->data = from;
    out->size = static_cast<size_t>(after - 1 - from);
    out->is_string = true;
    at_ = after;
    return true;
  }
  // Takes a member's key and the colon behind it. False: malformed.
  bool Key(JsonScalar* out) {
    at_ = Past(at_);
    if (at_ == end_ || *at_ != '"' || !String(out)) return false;
    const char* const colon = Past(at_);
    if (colon == end_ || *colon != ':') return false;
    at_ = colon + 1;
    return true;
  }
  // Takes a string, number, true, false or null. False: malformed.
  bool Scalar(JsonScalar* out);
  // From now on SkipValue refuses a value in which more than `containers` objects and arrays are open at once.
  void LimitDepth(size_t containers) { depth_max_ = containers; }
  // Takes any value and checks all of it. False: malformed, or deeper than LimitDepth allows.
  bool SkipValue() {
    const char* const from = Past(at_);
    bool ignored;
    const char* const after = from < end_ && *from == '"' ? StringEnd(from, &ignored) : ValueEnd(from);
    if (after == nullptr) return false;
    at_ = after;
    return true;
  }

  // Appends a string's meaning to `out`: escapes resolved to UTF-8, a lone surrogate as U+FFFD, other bytes as they
  // are.
  static void Decode(std::string_view raw, std::string* out);

 private:
  // What follows works on a place of the caller's, which stays in a register: through at_, each byte that is taken
  // would wait for the one before it to be stored and loaded again. The functions that end in End return the place
  // behind what begins at `p`; null: malformed.

  // The first place from `p` on that is no white space. Machines write none, so the loop is out of the way.
  const char* Past(const char* p) const { return p<end_&& static_cast<unsigned char>(*p)> ' ' ? p : PastSpace(p); }
  const char* PastSpace(const char* p) const;
  // `p` is at the opening quote.
  const char* StringEnd(const char* p, bool* escaped) const {
    const char* const mark = NextMark(p + 1);
    *escaped = false;
    if (mark != end_ && *mark == '"') return mark + 1;
    *escaped = true;
    return EscapedEnd(mark);
  }
  // From a string's first mark on, which is not its closing quote.
  const char* EscapedEnd(const char* p) const;
  const char* KeyEnd(const char* p) const;
  const char* NumberEnd(const char* p) const;
  const char* WordEnd(const char* p, std::string_view word) const;
  const char* ScalarEnd(const char* p) const;
  const char* ValueEnd(const char* p);
  // The next quote, backslash or control character at or behind `p`; end_ when there is none.
  const char* NextMark(const char* p) const {
    const size_t offset = static_cast<size_t>(p - begin_);
    const uint64_t* word = &marks_[offset / 64];
    // The 64 bytes from `p` on out of two words: a branch on which of them has the mark would be a guess.
    const uint64_t near = word[0] >> (offset % 64) | word[1] << 1 << (63 - offset % 64);
    if (near != 0) return p + __builtin_ctzll(near);
    do ++word;
    while (*word == 0);
    return begin_ + 64 * (word - marks_.data()) + __builtin_ctzll(*word);
  }

  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  // Of the whole text (scan/json_marks.h).
  std::vector<uint64_t> marks_;
  size_t depth_max_ = SIZE_MAX;
  // One bit for each open container that SkipValue is in: 1 object, 0 array.
  std::vector<uint64_t> nesting_;
};

}  // namespace streamgate
