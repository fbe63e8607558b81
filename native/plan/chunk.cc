// See chunk.h.
#include "plan/chunk.h"

namespace streamgate {

ChunkRun RunChunk(Runner& runner, Framer& framer, const char* chunk, size_t size, size_t from) {
  framer.Begin(chunk, size, from);
  runner.Begin(chunk + from, chunk + size);
  ChunkRun run;
  Record record;
  bool full = false;
  while (framer.Next(&record)) {
    if (!runner.Run(record)) {
      full = true;
      break;
    }
    framer.Commit();
    ++run.records;
  }
  runner.Flush();
  if (full) {
    framer.Rollback();
    run.at = framer.at();
  } else {
    framer.Keep();
    run.at = size;
  }
  return run;
}

bool RunEnd(Runner& runner, Framer& framer) {
  Record record;
  if (!framer.NextEnd(&record)) return true;
  runner.Begin(nullptr, nullptr);
  const bool taken = runner.Run(record);
  runner.Flush();
  if (taken) {
    framer.Commit();
  } else {
    framer.Rollback();
  }
  return taken;
}

}  // namespace streamgate
