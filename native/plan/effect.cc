// See effect.h.
#include "plan/effect.h"

#include <algorithm>
#include <utility>

#include "shard/hash.h"
#include "syslog/message.h"

namespace streamgate {
namespace {

// A name that is longer is none: a service has a short one.
constexpr size_t kServiceBytesMax = 256;

std::string_view ServiceOf(std::string_view text, AttributeFilter* service) {
  std::string_view name;
  if (service == nullptr || !service->Find(text.data(), text.size(), &name)) name = ReadSyslog(text).app;
  return name.size() > kServiceBytesMax ? std::string_view() : name;
}

Effect::Service& PlaceOf(Effect& effect, std::string_view name) {
  const auto found = std::find_if(effect.services.begin(), effect.services.end(),
                                  [name](const Effect::Service& service) { return service.name == name; });
  if (found != effect.services.end()) return *found;
  if (effect.services.size() == kEffectServicesMax) return effect.others;
  effect.services.push_back({std::string(name), 0, 0});
  return effect.services.back();
}

void Keep(Effect& effect, uint64_t state, std::string_view text) {
  size_t place = effect.examples.size();
  if (place == kEffectExamplesMax) {
    const uint64_t words[] = {state, effect.hits};
    // Of `hits` records this one takes a place with the chance of each: kEffectExamplesMax in `hits`.
    const uint64_t drawn = ShardHash(reinterpret_cast<const char*>(words), sizeof words) % effect.hits;
    if (drawn >= kEffectExamplesMax) return;
    place = static_cast<size_t>(drawn);
  } else {
    effect.examples.emplace_back();
  }
  effect.examples[place].assign(text.substr(0, kEffectExampleBytesMax));
}

}  // namespace

void EffectBook::Use(const std::vector<uint64_t>& states, const std::vector<bool>& shadows) {
  std::vector<std::unique_ptr<Effect>> effects(states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const auto same = states[i] == 0 ? states_.end() : std::find(states_.begin(), states_.end(), states[i]);
    if (same != states_.end()) effects[i] = std::move(effects_[static_cast<size_t>(same - states_.begin())]);
    if (effects[i] == nullptr && shadows[i]) effects[i] = std::make_unique<Effect>();
  }
  states_ = states;
  effects_ = std::move(effects);
}

void EffectBook::Book(const EffectHit& hit, std::string_view text, AttributeFilter* service) {
  Effect& effect = *effects_[hit.rule];
  effect.saved_bytes += hit.saved_bytes;
  if (!hit.acts) return;
  const auto severity = static_cast<size_t>(hit.severity);
  ++effect.hits;
  ++effect.records[severity];
  effect.bytes[severity] += text.size();
  Effect::Service& place = PlaceOf(effect, ServiceOf(text, service));
  ++place.records;
  place.bytes += text.size();
  Keep(effect, states_[hit.rule], text);
}

}  // namespace streamgate
