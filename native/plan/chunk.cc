// See chunk.h.
#include "plan/chunk.h"

#include <iterator>

namespace streamgate {

ChunkRun RunChunk(Runner& runner, Framer& framer, const RecordContext& context, const char* chunk, size_t size,
                  size_t from) {
  framer.Begin(chunk, size, from);
  runner.Begin(chunk + from, chunk + size, &context);
  ChunkRun run;
  // Few enough to stay in the first cache beside the bytes that they are about.
  Record lines[64];
  for (;;) {
    const size_t found = framer.NextLines(lines, std::size(lines));
    if (found > 0) {
      const size_t settled = runner.RunAll(lines, found);
      run.records += static_cast<uint32_t>(settled);
      if (settled < found) {
        framer.RollbackTo(lines[settled]);
        break;
      }
    } else {
      Record record;
      if (!framer.Next(&record)) {
        runner.Flush();
        framer.Keep();
        run.at = size;
        return run;
      }
      if (!runner.Run(record)) {
        framer.Rollback();
        break;
      }
      ++run.records;
    }
    framer.Commit();
  }
  runner.Flush();
  run.at = framer.at();
  return run;
}

bool RunEnd(Runner& runner, Framer& framer, const RecordContext& context) {
  Record record;
  if (!framer.NextEnd(&record)) return true;
  runner.Begin(nullptr, nullptr, &context);
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
