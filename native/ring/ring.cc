// The protocol of the ring over shared memory: see ring.h and protocol.h.
#include "ring/ring.h"

#include "ring/protocol.h"

namespace streamgate {

template class BasicRing<SharedMemory>;

}  // namespace streamgate
