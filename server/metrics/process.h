// What Linux says of this process (proc(5)).
#pragma once

#include <cstdint>

namespace rookery::server {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_time = 0;  ///< seconds since 1970
  uint64_t resident_bytes = 0, virtual_bytes = 0;
  uint64_t open_files = 0, most_files = 0;
  uint64_t threads = 0;
};

/// May take milliseconds where many files are open: not for an event loop.
ProcessFigures read_process();

}  // namespace rookery::server
