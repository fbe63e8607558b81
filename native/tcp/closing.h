// How a listener is closed without resetting anybody. Linux only.
//
// A close resets what waits at the listener: connections that are complete and not accepted, to whose peers they are as
// good as open, and those whose handshake is under way. With SO_REUSEPORT the kernel has chosen this listener for them
// when they asked, and does not give them to another of the port (net.ipv4.tcp_migrate_req, off by default and for root
// to turn on, makes it do so). So: let nobody new in, take all who are, then close.
//
// Whoever is turned away hears nothing, asks again after a second (RFC 6298, section 2.1) and meets another listener of
// the port. HAProxy's users did the same with a packet filter for the whole port before it could hand sockets over
// (engineeringblog.yelp.com/2015/04/true-zero-downtime-haproxy-reloads.html); a filter at the socket needs no privilege
// and leaves the port's other listeners alone. The other ways are weighed in docs/decisions.
#pragma once

#if defined(__linux__)

namespace streamgate {

// From now on the kernel drops requests for connections to this listener. Handshakes under way go on.
// False: the system does not let us.
bool TurnAwayConnections(int listener);

// Connections that the kernel holds for this listener: shaking hands, or complete and not accepted. -1: it does not
// say. Not counted are handshakes by SYN cookies, of which the kernel holds nothing: it makes them while the backlog is
// full.
int WaitingConnections(int listener);

}  // namespace streamgate

#endif
