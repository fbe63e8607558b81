// What the operation `redact` does to a record: finds values by detectors and by the names of fields, in the text as it
// is and below its escapes, and puts something in their place.
//
// All selectors see the same text. Of overlapping finds the earliest counts, of those the longest, of those the first
// in the list; what another has beyond its end goes with it, so that no half of a value stays. A record that is JSON is
// JSON afterwards: an escape is replaced whole, and a bare number becomes a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/json_text.h"
#include "detect/checks.h"
#include "detect/escapes.h"
#include "detect/fields.h"
#include "detect/finds.h"
#include "detect/hmac_sha256.h"
#include "detect/scanners.h"
#include "generated/layout.h"
#include "match/candidate_index.h"
#include "match/prefilter.h"
#include "match/replace.h"
#include "plan/operation.h"
#include "re2/re2.h"

namespace streamgate {

class Redaction {
 public:
  // Null: an argument is refused, and `error` says why.
  static std::unique_ptr<Redaction> Prepare(const Operation& operation, bool prefilters, std::string* error);

  // What every record that it changes contains; null: not known. Once.
  std::unique_ptr<Prefilter> TakePrefilter() { return std::move(prefilter_); }
  // The same, selector by selector as far as it is known, so that one scan over a whole plan tells which of them may
  // find something, and where. kNoSelector: escapes, below which all of them look.
  static constexpr uint32_t kNoSelector = UINT32_MAX;
  struct Part {
    const Prefilter* prefilter;
    uint32_t selector;
  };
  std::vector<Part> Parts() const;
  // Of a selector, where in the text its windows start to fit.
  struct Hint {
    uint32_t selector;
    PrefilterSearch::Span span;
  };

  enum class Verdict {
    kKeep,      // nothing found
    kChange,    // the new text is in `out`
    kDrop,      // found, and the mode is to drop
    kWithhold,  // not finished: `cause`
  };
  // `hints`: of all parts' selectors that may find something in `text` as it is; null: not known. `matches`: values
  // that were replaced.
  Verdict Run(std::string_view text, const std::vector<Hint>* hints, const Limits& limits, Scratch* out,
              uint64_t* matches, QuarantineCause* cause);
  // What the last Run replaced, as src/plan/redact_counts.ts lays out a selector's cells: adds to them.
  void Count(double* cells);
  size_t CountCells() const { return selectors_.size() * kCountCellsPerSelector; }

 private:
  enum class Mode : uint8_t { kReplace, kMask, kHash, kDrop };
  enum class Normal : uint8_t { kNone, kCompact, kLower };

  struct Selector {
    // A scanner, or a pattern of which each match is a value; neither: a field.
    detect::ScanFunction scan = nullptr;
    std::unique_ptr<re2::RE2> pattern;
    // Of a pattern: which of its matches are values. Null: all.
    detect::CheckFunction check = nullptr;
    std::unique_ptr<Prefilter> prefilter;
    // A pattern that sees the record's bytes, or those of the fields in scope, and nothing decoded.
    std::unique_ptr<Replacement> bytes;
    // What stands for its values, as it is and as a JSON string's content; and its name in a hash.
    std::string token;
    std::string token_json;
    std::string label;
    std::string label_json;
    Normal normal = Normal::kNone;
  };
  // A value: its place in the record, and where it can be read: in the text of this layer, or nowhere whole.
  // kRewritten: not the value but what stands for it, in rewrites_.
  struct Span {
    size_t begin;
    size_t end;
    uint32_t selector;
    uint32_t layer;
    size_t value_begin;
    size_t value_end;
    // A number or a word that is a field's value.
    bool bare;
  };
  static constexpr uint32_t kNoLayer = UINT32_MAX;
  static constexpr uint32_t kRewritten = UINT32_MAX - 1;

  bool AddSelector(std::string_view argument, bool prefilters, std::string* error);
  void MakePrefilter();
  // Finds values in one layer's text.
  void SearchLayer(std::string_view text, uint32_t layer);
  void SearchAlways(std::string_view text, uint32_t layer);
  void SearchHinted(std::string_view text, const std::vector<Hint>& hints);
  void SearchSpan(uint32_t selector, std::string_view text, uint32_t layer, const PrefilterSearch::Span& span);
  void AddFinds(uint32_t selector, uint32_t layer);
  void AddField(const detect::FieldFind& find);
  void SearchPattern(const Selector& selector, std::string_view text, size_t first, size_t last);
  void SearchBase64(std::string_view text);
  void SearchIn(uint32_t selector, std::string_view text, size_t first, size_t last);
  // What patterns match in the record's bytes, or in each of the fields found.
  QuarantineCause SearchBytes(std::string_view text, const Limits& limits);
  QuarantineCause SearchBytesIn(std::string_view text, size_t begin, size_t end, bool bare, const Limits& limits,
                                uint64_t* count);
  // Leaves of the spans what lies in the fields found: of a string whole escapes, of a number or a word all of it, so
  // that JSON stays JSON behind other text, too.
  void KeepInScope(std::string_view text);
  void Merge();
  // Replace the merged spans; end soon behind `bytes_max` bytes of output, with part of it.
  void RewritePlain(std::string_view text, uint64_t bytes_max, Scratch* out, uint64_t* matches);
  void RewriteJson(std::string_view text, uint64_t bytes_max, Scratch* out, uint64_t* matches);
  void AppendReplacement(std::string_view text, const Span& span, size_t begin, size_t end, bool in_string,
                         Scratch* out);
  // What the bytes [begin, end) of the record stand for, decoded as far as is known.
  std::string_view ValueOf(std::string_view text, const Span& span, size_t begin, size_t end, bool in_string);
  bool IsJson(std::string_view text);

  Mode mode_ = Mode::kReplace;
  unsigned decode_ = 0;
  bool detects_ = false;
  // Selectors with a pattern for bytes.
  std::vector<uint32_t> byte_patterns_;
  size_t keep_last_ = 0;
  // Between a hashed value's label and its hash, with the key's version: `:h1:`.
  std::string hash_mark_;
  std::unique_ptr<detect::HmacSha256> hmac_;
  std::vector<Selector> selectors_;
  detect::Fields fields_;
  // Where detectors look; empty: everywhere.
  detect::Fields scope_;
  std::unique_ptr<Prefilter> prefilter_;
  // Of it, what is no selector's. Null: nothing.
  std::unique_ptr<Prefilter> escapes_;
  // Of detectors, by selector: which may find something in a text, and where.
  std::unique_ptr<CandidateIndex> index_;
  CandidateScan scan_;
  std::vector<uint32_t> candidates_;
  std::vector<uint32_t> always_;
  // Memory that is kept from record to record.
  detect::Finds finds_;
  std::vector<detect::FieldFind> field_finds_;
  std::vector<Span> spans_;
  std::vector<Span> in_scope_;
  // By selector: the number of the Count that last met it.
  std::vector<uint64_t> counted_;
  uint64_t count_ = 0;
  Scratch rewrites_;
  std::vector<Replacement::Match> matches_;
  detect::Unescaped layers_[kDecodeDepthMax];
  std::string_view texts_[kDecodeDepthMax + 1];
  detect::Unescaped value_;
  // What the record's base64 says, line by line, and where each line stood.
  struct Line {
    size_t end;  // in base64_
    detect::Find origin;
  };
  Scratch base64_;
  std::vector<Line> lines_;
  std::string normal_;
  JsonText json_;
};

}  // namespace streamgate
