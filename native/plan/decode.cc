// See decode.h.
#include "plan/decode.h"

#include <cstring>
#include <utility>

namespace streamgate {
namespace {

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  template <typename T>
  bool Read(T* value) {
    if (left_ < sizeof *value) return false;
    std::memcpy(value, data_, sizeof *value);  // the bytes are little-endian and unaligned
    Skip(sizeof *value);
    return true;
  }

  bool ReadBytes(size_t size, std::string* bytes) {
    if (left_ < size) return false;
    bytes->assign(reinterpret_cast<const char*>(data_), size);
    Skip(size);
    return true;
  }

  size_t left() const { return left_; }

 private:
  void Skip(size_t size) {
    data_ += size;
    left_ -= size;
  }

  const uint8_t* data_;
  size_t left_;
};

bool FitsArguments(OperationCode code, size_t args) {
  switch (code) {
    case OperationCode::kDropLiteral:
    case OperationCode::kDropPattern:
      return args == 1;
    case OperationCode::kReplacePattern:
      return args == 2;
    case OperationCode::kDropAttribute:
      return args >= 2;
  }
  return false;
}

constexpr uint16_t kFlagsKnown =
    static_cast<uint16_t>(OperationFlag::kProtect) | static_cast<uint16_t>(OperationFlag::kLimited);

}  // namespace

bool DecodePlan(const uint8_t* data, size_t size, DecodedPlan* plan, std::string* error) {
  Reader reader(data, size);
  uint32_t magic = 0;
  uint32_t operations = 0;
  if (!reader.Read(&magic) || !reader.Read(&plan->rules) || !reader.Read(&operations)) {
    *error = "a plan is cut short";
    return false;
  }
  if (magic != kPlanMagic) {
    *error = "a plan does not begin with its magic number";
    return false;
  }
  if (operations > kOperationsMax || plan->rules > kOperationsMax) {
    *error = "a plan has more than 100000 operations or rules";
    return false;
  }
  plan->operations.clear();
  for (uint32_t index = 0; index < operations; ++index) {
    Operation operation;
    uint16_t code = 0;
    uint32_t args = 0;
    if (!reader.Read(&code) || !reader.Read(&operation.flags) || !reader.Read(&operation.rule) || !reader.Read(&args)) {
      *error = "a plan is cut short";
      return false;
    }
    operation.code = static_cast<OperationCode>(code);
    if (!FitsArguments(operation.code, args)) {
      *error = "operation " + std::to_string(index) + " has an unknown code or a wrong number of arguments";
      return false;
    }
    if (operation.rule >= plan->rules || (operation.flags & ~kFlagsKnown) != 0) {
      *error = "operation " + std::to_string(index) + " names a rule or a flag that does not exist";
      return false;
    }
    // Every argument takes at least its four length bytes, so a count of millions in a short plan ends here.
    for (uint32_t arg = 0; arg < args; ++arg) {
      uint32_t length = 0;
      operation.args.emplace_back();
      if (!reader.Read(&length) || !reader.ReadBytes(length, &operation.args.back())) {
        *error = "a plan is cut short";
        return false;
      }
    }
    plan->operations.push_back(std::move(operation));
  }
  if (reader.left() != 0) {
    *error = "a plan has bytes behind its end";
    return false;
  }
  return true;
}

}  // namespace streamgate
