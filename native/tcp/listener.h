// A listening TCP socket, as `net.Server` opens one: both versions of IP when no address is given, kept-alive
// connections.
#pragma once

#if defined(__linux__)

#include <cstdint>
#include <string>

namespace streamgate {

struct TcpListener {
  struct Error {
    int code = 0;  // errno, such as EADDRINUSE; 0: the address is none
    std::string message;
  };

  // `address`: a numeric IPv4 or IPv6 address, with its zone if it has one; empty: every address. `port` 0: any free
  // one. `reuse_port`: several sockets may share it, and the kernel spreads connections over them.
  // Returns a non-blocking descriptor, or -1 and `error`. `bound_port` is set when it returns one.
  static int Open(const std::string& address, uint16_t port, bool reuse_port, uint16_t* bound_port, Error* error);
};

}  // namespace streamgate

#endif
