// rook-cli: the chat client for terminals and scripts.
#include <exception>
#include <iostream>

#include "client/cli/options.h"
#include "client/cli/shell.h"

int main(int argc, char** argv) {
  rookery::cli::Options options;
  int exit_code = 0;
  if (!rookery::cli::parse_options(argc, argv, options, exit_code)) return exit_code;
  try {
    return rookery::cli::Shell(options).run();
  } catch (const std::exception& error) {
    std::cerr << "rook-cli: " << error.what() << std::endl;
    return 70;
  }
}
