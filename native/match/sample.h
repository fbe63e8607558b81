// A few log lines of common formats, for the choice of where a scan looks for its windows (candidate_index.cc): how
// often byte pairs like `-1` stand in dates, or `ion` in words, no model of single bytes tells. They decide what is
// fast, never what is found.
#pragma once

#include <string_view>

namespace streamgate {

constexpr std::string_view kSampleLines =
    "2026-11-23T12:31:07.482Z INFO service-7 request handled user account order upstream retry value= trace=9f8e21c4\n"
    "2026-11-23T12:31:07.519Z DEBUG service-12 cache connection pool worker queue started finished timeout latency\n"
    "Nov 23 12:31:08 host-03 sshd[20418]: Accepted publickey for deploy from 10.1.42.7 port 50022 ssh2: RSA SHA256:x\n"
    "<134>1 2026-11-23T12:31:08.003Z host-04 nginx 1187 - - 192.168.10.24 - - \"GET /api/v1/items?id=1842 HTTP/1.1\"\n"
    "10.0.0.5 - alice [23/Nov/2026:12:31:09 +0000] \"POST /login HTTP/1.1\" 200 5316 \"-\" \"Mozilla/5.0 (X11; "
    "Linux)\"\n"
    "{\"timestamp\":\"2026-11-23T12:31:09.120Z\",\"level\":\"error\",\"message\":\"payment "
    "failed\",\"duration_ms\":153,"
    "\"user_id\":48213,\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"status\":500,\"active\":true}\n"
    "time=\"2026-11-23 12:31:10,042\" level=warning msg=\"disk usage above threshold\" pid=3021 free=17.4% "
    "path=/var/log\n"
    "2026-11-23 12:31:10.771 [main-thread-4] WARN com.example.store.OrderService - Could not connect to database after "
    "3000 ms, session 7c9e6679-7425-40de-944b-e07fc1f90ae7\n"
    "I1123 12:31:11.214503   24117 controller.go:289] reconciled deployment default/frontend in 12.5ms, generation "
    "1764\n";

}  // namespace streamgate
