// See listener.h.
#include "tcp/listener.h"

#if defined(__linux__)

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "socket/address.h"

namespace streamgate {
namespace {

// As Node's: connections that are complete and not accepted yet.
constexpr int kBacklog = 511;
// Finds peers that vanished without a word; connections that are merely idle cost nothing. A minute without a byte,
// then ten probes a second apart, as Node does it.
constexpr int kKeepAliveSeconds = 60;
constexpr int kProbeSeconds = 1;
constexpr int kProbes = 10;

bool Set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value) == 0; }

int OpenOne(const addrinfo& address, bool reuse_port, TcpListener::Error* error) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto refuse = [&](const char* what) {
    *error = {errno, std::string(what) + ": " + std::strerror(errno)};
    if (fd >= 0) close(fd);
    return -1;
  };
  if (fd < 0) return refuse("socket");
  // So that a restart need not wait for connections of the last run to leave TIME_WAIT.
  Set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.ai_family == AF_INET6) Set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (reuse_port && !Set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return refuse("SO_REUSEPORT");
  // Accepted sockets inherit these, which saves four calls a connection.
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveSeconds);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  Set(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) return refuse("bind");
  if (listen(fd, kBacklog) != 0) return refuse("listen");
  return fd;
}

}  // namespace

int TcpListener::Open(const std::string& address, uint16_t port, bool reuse_port, uint16_t* bound_port, Error* error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  const std::string service = std::to_string(port);
  // "::" takes both versions; "0.0.0.0" is for hosts without IPv6.
  const char* const all[] = {"::", "0.0.0.0"};
  const char* const one[] = {address.c_str(), nullptr};
  for (const char* text : address.empty() ? all : one) {
    if (text == nullptr) break;
    addrinfo* found = nullptr;
    const int status = getaddrinfo(text, service.c_str(), &hints, &found);
    if (status != 0) {
      *error = {0, gai_strerror(status)};
      continue;
    }
    const int fd = OpenOne(*found, reuse_port, error);
    freeaddrinfo(found);
    if (fd >= 0) {
      *bound_port = PortOf(fd);
      return fd;
    }
    if (RefusesPort(error->code)) return -1;
  }
  return -1;
}

}  // namespace streamgate

#endif
