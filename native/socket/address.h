// Who a socket's peer is, as the ring's blocks name it, and what a refused port means: the same for TCP and UDP. POSIX
// only.
#pragma once

#if !defined(_WIN32)

#include <sys/socket.h>

#include <cstdint>

#include "ring/ring.h"

namespace streamgate {

// Family 0 where the address is of no version of IP. IPv4 peers of a socket for both versions come as IPv4.
BlockSource SourceOf(const sockaddr_storage& peer, Transport transport);

// The port that a socket is bound to; 0: to none.
uint16_t PortOf(int fd);

// `code`: errno of a bind. A port that is taken, or may not be opened, on one version of IP is not to be served on the
// other alone; any other refusal (a host without IPv6) leaves the other worth trying.
bool RefusesPort(int code);

}  // namespace streamgate

#endif
