// Decides after each pass over the sockets whether the next one waits for a tick of the clock, so that one wake-up
// serves many lines and sockets, or comes as soon as a socket is readable.
//
// 500 services that write a line at a time wake a reader once a line, and a wake-up costs several times what the line
// costs. A tick of 1 ms then serves all that came in it. Three rules keep the wait harmless: none when it is quiet (a
// line sent by hand goes through at once), none when a tick brings hardly more than one record (it would save nothing),
// none when a pass finds a full buffer (the sockets' own buffers are to stay empty when the peers are as fast as we
// are).
#pragma once

#include <algorithm>
#include <cstdint>

namespace streamgate {

class Gathering {
 public:
  static constexpr uint64_t kTickNs = 1'000'000;

  // A pass that began at `now_ns` (any clock that does not go back) has settled `records` and read `bytes`. Returns
  // whether the next one is to wait for the tick.
  bool After(uint64_t now_ns, uint64_t records, uint64_t bytes) {
    const double interval_ns = static_cast<double>(std::min<uint64_t>(now_ns - last_ns_, kQuietNs));
    last_ns_ = now_ns;
    if (waits_) {
      records_ += (static_cast<double>(records) - records_) * kWeight;
      if (records_ < kRecordsMin || bytes >= kBytesSaturated) Leave();
    } else if (interval_ns >= kQuietNs || bytes >= kBytesMany) {
      interval_ns_ = kQuietNs;
    } else {
      interval_ns_ += (interval_ns - interval_ns_) * kWeight;
      if (interval_ns_ < kIntervalNsFrequent) {
        waits_ = true;
        records_ = kRecordsAtFirst;
      }
    }
    return waits_;
  }

  bool waits() const { return waits_; }

  // Passes stop for a while, so the next one tells nothing of how often they come.
  void Leave() {
    waits_ = false;
    interval_ns_ = kQuietNs;
  }

 private:
  // Of the newest pass in a running mean.
  static constexpr double kWeight = 1.0 / 8;
  // After such a pause what was before no longer counts.
  static constexpr double kQuietNs = 5'000'000;
  // Wake-ups this close together are worth a wait: at least three of them become one.
  static constexpr double kIntervalNsFrequent = 300'000;
  // A tick that brings less than this is one wake-up for one record. Below kTickNs / kIntervalNsFrequent, so that a
  // rate in between stays what it is.
  static constexpr double kRecordsMin = 1.5;
  static_assert(kRecordsMin < kTickNs / kIntervalNsFrequent, "else the two rules would take turns at one rate");
  static constexpr double kRecordsAtFirst = 2 * kTickNs / kIntervalNsFrequent;
  // A pass that finds this much has gathered enough by itself.
  static constexpr uint64_t kBytesMany = 64 << 10;
  // The peers may be waiting for us: a socket's buffer holds a few hundred kilobytes.
  static constexpr uint64_t kBytesSaturated = 256 << 10;

  bool waits_ = false;
  uint64_t last_ns_ = 0;
  double interval_ns_ = kQuietNs;  // running mean between passes that did not wait
  double records_ = 0;             // running mean a pass that waited
};

}  // namespace streamgate
