#include <napi.h>
#include "re2/re2.h"
Napi::Object Init(Napi::Env env, Napi::Object exports) { RE2 re("a"); exports.Set("ok", re.ok()); return exports; }
NODE_API_MODULE(streamgate, Init)
