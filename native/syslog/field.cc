// See field.h.
#include "syslog/field.h"

#include <cstdint>

#include "attribute/comparison.h"
#include "syslog/structured_data.h"
#include "syslog/time.h"

namespace streamgate {

bool SyslogFieldReader::Use(std::string_view bytes) {
  if (bytes.empty() || static_cast<uint8_t>(bytes[0]) > static_cast<uint8_t>(SyslogField::kMessage)) return false;
  field_ = static_cast<SyslogField>(bytes[0]);
  param_ = bytes.substr(1);
  return param_.empty() == (field_ != SyslogField::kParam);
}

bool SyslogFieldReader::Text(const SyslogMessage& message, std::string_view* text) {
  if (message.priority == SyslogMessage::kNoPriority) return false;
  switch (field_) {
    case SyslogField::kSeverity:
      *text = kSyslogSeverities[message.priority % 8];
      return true;
    case SyslogField::kFacility:
      *text = kSyslogFacilities[message.priority / 8];
      return true;
    case SyslogField::kVersion:
      *text = message.version;
      break;
    case SyslogField::kTime:
      *text = message.time;
      break;
    case SyslogField::kHost:
      *text = message.host;
      break;
    case SyslogField::kApp:
      *text = message.app;
      break;
    case SyslogField::kProcid:
      *text = message.procid;
      break;
    case SyslogField::kMsgid:
      *text = message.msgid;
      break;
    case SyslogField::kSd:
      *text = message.structured_data;
      break;
    case SyslogField::kParam:
      *text = FindSyslogParam(message.structured_data, param_);
      if (text->find('\\') != std::string_view::npos) {
        unescaped_.clear();
        UnescapeSyslogParam(*text, &unescaped_);
        *text = unescaped_;
      }
      break;
    case SyslogField::kMessage:
      *text = message.message;
      break;
  }
  return text->data() != nullptr;
}

bool SyslogFieldReader::Number(const SyslogMessage& message, double* number) {
  if (message.priority == SyslogMessage::kNoPriority) return false;
  if (field_ == SyslogField::kSeverity || field_ == SyslogField::kFacility) {
    *number = field_ == SyslogField::kSeverity ? message.priority % 8 : message.priority / 8;
    return true;
  }
  std::string_view text;
  if (!Text(message, &text)) return false;
  if (field_ != SyslogField::kTime) return ReadNumber(text, number);
  int64_t ms = 0;
  if (!SyslogTimeMs(text, &ms)) return false;
  *number = static_cast<double>(ms);
  return true;
}

}  // namespace streamgate
