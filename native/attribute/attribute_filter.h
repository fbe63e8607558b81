// Attributes: does a JSON record hold, at the first of several places that exists, a value such as a rule or a
// condition asks for?
//
// One strict walk checks the whole record, or of a syslog record its message (what is not JSON passes), and follows all
// paths at once. Of duplicate keys the last counts, so nothing is decided before the end. Where a path meets an array,
// the array is read as OTLP's list of
// {"key", "value"} (opentelemetry-proto, common/v1/common.proto: KeyValue, AnyValue).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/comparison.h"
#include "attribute/json_text.h"
#include "attribute/path_trie.h"
#include "generated/layout.h"
#include "match/prefilter.h"
#include "plan/operation.h"
#include "syslog/syslog_filter.h"

namespace streamgate {

class AttributeFilter {
 public:
  // A path may be the only one and stand for a field of a syslog record (encodeSyslogPath of src/plan/syslog_field.ts):
  // then that is what is found and compared.
  //
  // Reads the arguments of a dropAttribute operation (src/plan/operations.ts). Null: refused, and `error` says why.
  // `prefilters` off gives the same answers, slower: that is how tests hold them to account.
  static std::unique_ptr<AttributeFilter> Prepare(const Operation& operation, std::string* error,
                                                  bool prefilters = true);
  // The same with any operator, as a condition has them: as many `values` as the operator takes, and `paths` as they
  // stand in the operation's arguments.
  static std::unique_ptr<AttributeFilter> Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                                  const std::vector<std::string>& paths, std::string* error,
                                                  bool prefilters = true);
  ~AttributeFilter();

  // For the step that runs this filter, once: a record without any of its factors does not match. Null: nothing can be
  // said, or it was taken. Left here, Matches asks it itself. Strings compare decoded, but a string without `\u` spells
  // each byte that has no escape of its own as itself, so the value, or a key on the way to it, stands in the record,
  // or a `\u` does.
  std::unique_ptr<Prefilter> TakePrefilter();

  // Does the operator accept what the record holds? Not const: walking buffers are kept from one record to the next, so
  // one thread at a time.
  bool Matches(const char* data, size_t size);
  // The attribute's text, strings decoded, whatever the operator and value. False: the record is not JSON, has no such
  // attribute, or an object or array in its place. `text` is valid until the next call and no longer than the record.
  bool Find(const char* data, size_t size, std::string_view* text);

 private:
  enum class Presence : uint8_t { kAbsent, kContainer, kScalar };
  struct Found {
    Presence presence = Presence::kAbsent;
    JsonScalar scalar;
  };

  AttributeFilter(std::unique_ptr<Comparison> comparison, PathTrie trie);

  void Derive(const std::vector<std::vector<std::string>>& paths);
  const Found* Walk(const char* data, size_t size);
  template <typename Take>
  bool Members(const Take& take);
  bool Object(uint32_t node);
  bool Value(uint32_t node);
  bool List(uint32_t node);
  bool Element(uint32_t node);
  void AnyValue(uint32_t node);
  uint32_t Follow(uint32_t node, const JsonScalar& key);
  bool KeyIs(const JsonScalar& key, std::string_view name);
  void Forget(uint32_t node);
  std::string_view Meaning(const JsonScalar& scalar);

  // Of attributes' paths, else null, and syslog_ compares.
  const std::unique_ptr<Comparison> comparison_;
  std::unique_ptr<SyslogFilter> syslog_;
  const PathTrie trie_;
  std::unique_ptr<Prefilter> prefilter_;
  // What a record without `\u` that has the attribute holds one of, where prefilter_ is about the value; empty: nothing
  // can be said.
  std::vector<Prefilter::Factor> keys_;
  // Nodes at which a path ends, first listed path first.
  std::vector<uint32_t> ends_;

  JsonText text_;
  // What the walk has found, by node.
  std::vector<Found> found_;
  // Where an escaped string is decoded.
  std::string decoded_;
};

}  // namespace streamgate
