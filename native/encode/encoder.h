// Encodes records of batches into one body after the other (src/data/engine/encoder.ts has the contract). For one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encode/body.h"
#include "encode/envelope.h"
#include "encode/json_object.h"
#include "generated/layout.h"
#include "syslog/field.h"

namespace streamgate {

class Encoder {
 public:
  struct Limits {
    uint64_t records_max = 0;  // at least 1
    uint64_t bytes_max = 0;
    uint64_t record_bytes_max = 0;
  };

  // `fault`: set where the envelope asks for what does not exist; it is not to be used then.
  Encoder(Envelope envelope, const char** fault);

  // Begins an empty body; what was not finished is forgotten.
  void Begin(const Limits& limits);
  bool begun() const { return begun_; }
  // Appends records `from` to `to` of a batch that passed CheckBatch (ring/push_records.h), until a limit stops it.
  // Returns the index at which it stopped.
  uint32_t Append(const void* batch, uint32_t from, uint32_t to, uint64_t time_ms);
  EncodeStop stopped_by() const { return stopped_by_; }
  uint64_t records() const { return records_; }
  uint64_t counted() const { return counted_; }
  // Ends the body: `size` bytes, the caller's to free(); null when there are none.
  uint8_t* Finish(size_t* size);

 private:
  // What stands before and behind a record, its time written out.
  class FrameText {
   public:
    // `quote`: `"` or nothing, next to the record on both sides.
    FrameText(const EnvelopeFrame& frame, const char* quote);
    void SetTime(uint64_t time_ms);
    const std::string& before() const { return before_; }
    const std::string& after() const { return after_; }

   private:
    EnvelopeFrame frame_;
    std::string quote_;
    std::string before_;
    std::string after_;
    bool written_ = false;  // the time in before_ is time_ms_
    uint64_t time_ms_ = 0;
  };

  // What of a body a syslog record's header fills in.
  class FilledText {
   public:
    // False: a field does not exist.
    bool Use(std::vector<EnvelopeFilled> parts);
    bool empty() const { return parts_.empty(); }
    // Appends the parts for a record. False: they take more than `bytes_max`, and the body has a part of them.
    bool Append(std::string_view record, uint64_t bytes_max, Body* body);

   private:
    struct Part {
      std::string before;
      std::string otherwise;
      SyslogFieldReader field;
    };
    std::vector<Part> parts_;
    // Of a record that is no syslog.
    std::string otherwise_;
  };

  // Appends a record of `bytes_max` at most. False: it takes more, and the body has a part of it.
  bool Write(const char* data, size_t size, const char* readable_end, uint64_t bytes_max);
  EncodeStop AppendRecord(const char* data, size_t size, const char* readable_end);

  const Envelope envelope_;
  FrameText string_;
  FilledText filled_;
  // Behind what is filled in; else it stands in string_.
  std::string behind_filled_;
  FrameText value_;
  JsonObject object_;
  Body body_;
  Limits limits_;
  bool begun_ = false;
  EncodeStop stopped_by_ = EncodeStop::kNone;
  uint64_t records_ = 0;
  uint64_t counted_ = 0;
};

}  // namespace streamgate
