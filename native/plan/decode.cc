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
    case OperationCode::kDrop:
      return args == 0;
    case OperationCode::kRedact:
      return args >= 2;
    case OperationCode::kRoute:
      return args == 1;
    case OperationCode::kSample:
      return args >= 3;
    case OperationCode::kDedupe:
    case OperationCode::kThrottle:
      return args >= 2;
  }
  return false;
}

// Values, paths and parts that a condition must have: exactly, but for those that are SIZE_MAX.
struct ConditionForm {
  uint16_t detail_max;
  size_t values;
  size_t paths;
  size_t parts;
};

bool FormOf(ConditionCode code, ConditionForm* form) {
  constexpr size_t kAny = SIZE_MAX;
  switch (code) {
    case ConditionCode::kAll:
    case ConditionCode::kAny:
      *form = {0, 0, 0, kAny};
      return true;
    case ConditionCode::kNot:
      *form = {0, 0, 0, 1};
      return true;
    case ConditionCode::kLiteral:
    case ConditionCode::kPattern:
      *form = {0, 1, 0, 0};
      return true;
    case ConditionCode::kAttribute:
      *form = {static_cast<uint16_t>(AttributeOperator::kLess), kAny, kAny, 0};
      return true;
    case ConditionCode::kSyslog:
      *form = {static_cast<uint16_t>(AttributeOperator::kLess), kAny, 1, 0};
      return true;
    case ConditionCode::kSeverity:
      *form = {static_cast<uint16_t>(Severity::kFatal), 0, 0, 0};
      return true;
    case ConditionCode::kSource:
      *form = {0, kAny, 0, 0};
      return true;
    case ConditionCode::kTransport:
      *form = {UINT16_MAX, 0, 0, 0};
      return true;
    case ConditionCode::kTime:
      *form = {0, 1, 0, 0};
      return true;
  }
  return false;
}

// Every text and part takes bytes of its own, so counts of millions in a short plan end at its end.
bool ReadTexts(Reader* reader, uint32_t count, std::vector<std::string>* texts) {
  for (; count > 0; --count) {
    uint32_t length = 0;
    texts->emplace_back();
    if (!reader->Read(&length) || !reader->ReadBytes(length, &texts->back())) return false;
  }
  return true;
}

// `conditions`: how many were read so far. Null: read; else what is wrong.
const char* ReadCondition(Reader* reader, uint32_t depth, uint32_t* conditions, ConditionSpec* condition) {
  constexpr const char* kShort = "a plan is cut short";
  if (depth > kConditionDepthMax) return "conditions of a plan lie too deep in one another";
  if (++*conditions > kOperationsMax) return "a plan has more than 100000 conditions";
  uint16_t code = 0;
  uint32_t values = 0;
  uint32_t paths = 0;
  uint32_t parts = 0;
  if (!reader->Read(&code) || !reader->Read(&condition->detail) || !reader->Read(&values) || !reader->Read(&paths) ||
      !reader->Read(&parts))
    return kShort;
  condition->code = static_cast<ConditionCode>(code);
  ConditionForm form;
  const auto fits = [](uint32_t count, size_t wanted) { return wanted == SIZE_MAX || count == wanted; };
  if (!FormOf(condition->code, &form) || condition->detail > form.detail_max || !fits(values, form.values) ||
      !fits(paths, form.paths) || !fits(parts, form.parts))
    return "a condition of a plan has an unknown code, or parts that do not fit it";
  if (!ReadTexts(reader, values, &condition->values) || !ReadTexts(reader, paths, &condition->paths)) return kShort;
  for (; parts > 0; --parts) {
    condition->parts.emplace_back();
    if (const char* fault = ReadCondition(reader, depth + 1, conditions, &condition->parts.back())) return fault;
  }
  return nullptr;
}

constexpr uint16_t kFlagsKnown = static_cast<uint16_t>(OperationFlag::kProtect) |
                                 static_cast<uint16_t>(OperationFlag::kLimited) |
                                 static_cast<uint16_t>(OperationFlag::kShadow);

}  // namespace

bool DecodePlan(const uint8_t* data, size_t size, DecodedPlan* plan, std::string* error) {
  Reader reader(data, size);
  uint32_t magic = 0;
  uint32_t operations = 0;
  uint32_t routes = 0;
  uint32_t service = 0;
  if (!reader.Read(&magic) || !reader.Read(&plan->rules) || !reader.Read(&operations) || !reader.Read(&routes) ||
      !reader.Read(&plan->outputs) || !reader.Read(&service) || !reader.Read(&plan->seed)) {
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
  if (plan->outputs > kOutputsMax) {
    *error = "a plan has more outputs than a record has route bits";
    return false;
  }
  plan->states.clear();
  plan->service.clear();
  if (!ReadTexts(&reader, service, &plan->service)) {
    *error = "a plan is cut short";
    return false;
  }
  plan->operations.clear();
  plan->routes.clear();
  uint32_t conditions = 0;
  for (uint32_t index = 0; index < plan->rules; ++index) {
    uint64_t state = 0;
    if (!reader.Read(&state)) {
      *error = "a plan is cut short";
      return false;
    }
    plan->states.push_back(state);
  }
  for (uint32_t index = 0; index < operations; ++index) {
    Operation operation;
    uint16_t code = 0;
    uint32_t args = 0;
    uint32_t whens = 0;
    if (!reader.Read(&code) || !reader.Read(&operation.flags) || !reader.Read(&operation.rule) || !reader.Read(&args) ||
        !reader.Read(&whens)) {
      *error = "a plan is cut short";
      return false;
    }
    operation.code = static_cast<OperationCode>(code);
    if (!FitsArguments(operation.code, args) || whens > 1) {
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
    if (whens == 1) {
      operation.when.emplace_back();
      if (const char* fault = ReadCondition(&reader, 1, &conditions, &operation.when.back())) {
        *error = fault;
        return false;
      }
    }
    plan->operations.push_back(std::move(operation));
  }
  for (uint32_t index = 0; index < routes; ++index) {
    RouteSpec route;
    if (!reader.Read(&route.output)) {
      *error = "a plan is cut short";
      return false;
    }
    if (route.output >= plan->outputs || (index > 0 && route.output <= plan->routes.back().output)) {
      *error = "the routes of a plan do not name its outputs in order";
      return false;
    }
    if (const char* fault = ReadCondition(&reader, 1, &conditions, &route.condition)) {
      *error = fault;
      return false;
    }
    plan->routes.push_back(std::move(route));
  }
  if (reader.left() != 0) {
    *error = "a plan has bytes behind its end";
    return false;
  }
  return true;
}

}  // namespace streamgate
