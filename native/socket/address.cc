// See address.h.
#include "socket/address.h"

#if !defined(_WIN32)

#include <netinet/in.h>

#include <cerrno>
#include <cstring>

namespace streamgate {

BlockSource SourceOf(const sockaddr_storage& peer, Transport transport) {
  BlockSource source;
  source.transport = transport;
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    source.family = 4;
    source.port = ntohs(v4.sin_port);
    std::memcpy(source.address, &v4.sin_addr, 4);
  } else if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    // A socket for both versions shows IPv4 peers as ::ffff:a.b.c.d.
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    source.family = mapped ? 4 : 6;
    source.port = ntohs(v6.sin6_port);
    std::memcpy(source.address, v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
  }
  return source;
}

uint16_t PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return SourceOf(bound, Transport::kTcp).port;
}

bool RefusesPort(int code) { return code == EADDRINUSE || code == EACCES; }

}  // namespace streamgate

#endif
