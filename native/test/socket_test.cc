// Peers as blocks name them, and which refusals of a port end the search for another.
#if !defined(_WIN32)

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "ring/ring.h"
#include "socket/address.h"
#include "test/check.h"

namespace streamgate {
namespace {

BlockSource PeerOf(int family, const char* text, uint16_t port) {
  sockaddr_storage peer{};
  peer.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(peer);
    v4.sin_port = htons(port);
    CHECK_EQUAL(inet_pton(AF_INET, text, &v4.sin_addr), 1);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(peer);
    v6.sin6_port = htons(port);
    CHECK_EQUAL(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  }
  return SourceOf(peer, Transport::kUdp);
}

TEST("a socket's peer is named alike whether its address came as IPv4 or mapped to IPv6", {
  const BlockSource plain = PeerOf(AF_INET, "192.0.2.7", 514);
  const BlockSource mapped = PeerOf(AF_INET6, "::ffff:192.0.2.7", 514);
  for (const BlockSource& source : {plain, mapped}) {
    CHECK(source.transport == Transport::kUdp);
    CHECK_EQUAL(int{source.family}, 4);
    CHECK_EQUAL(int{source.port}, 514);
    CHECK_EQUAL(std::memcmp(source.address, "\xC0\x00\x02\x07", 4), 0);
  }
  CHECK_EQUAL(std::memcmp(plain.address, mapped.address, sizeof plain.address), 0);
});

TEST("a socket's peer over IPv6 keeps all of its address", {
  const BlockSource source = PeerOf(AF_INET6, "2001:db8::1:2", 65535);
  CHECK_EQUAL(int{source.family}, 6);
  CHECK_EQUAL(int{source.port}, 65535);
  CHECK_EQUAL(std::memcmp(source.address, "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\1\0\2", 16), 0);
});

TEST("a socket's peer without an address of IP has no family", {
  sockaddr_storage peer{};
  peer.ss_family = AF_UNIX;
  CHECK_EQUAL(int{SourceOf(peer, Transport::kTcp).family}, 0);
});

TEST("a socket's port is known once it is bound", {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_EQUAL(int{PortOf(fd)}, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQUAL(bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  CHECK(PortOf(fd) != 0);
  close(fd);
});

TEST("a socket's port that is taken or not allowed is refused on both versions of IP, a host without one is not", {
  CHECK(RefusesPort(EADDRINUSE));
  CHECK(RefusesPort(EACCES));
  CHECK(!RefusesPort(EAFNOSUPPORT));
  CHECK(!RefusesPort(EADDRNOTAVAIL));
});

}  // namespace
}  // namespace streamgate

#endif
