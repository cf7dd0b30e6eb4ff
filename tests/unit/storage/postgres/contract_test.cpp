// The contracts of all backends, held by PostgreSQL.
#include "tests/unit/storage/invites_contract.h"
#include "tests/unit/storage/message_log_contract.h"
#include "tests/unit/storage/postgres/server.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

INSTANTIATE_TEST_SUITE_P(Postgres, StoresContract,
                         testing::Values(StoresBackend{"postgres", [](const auto& folder) {
                                                         return open_postgres_stores(postgres::database_of(folder));
                                                       }}));
INSTANTIATE_TEST_SUITE_P(Postgres, InvitesContract,
                         testing::Values(StoresBackend{"postgres", [](const auto& folder) {
                                                         return open_postgres_stores(postgres::database_of(folder));
                                                       }}));
INSTANTIATE_TEST_SUITE_P(Postgres, MessageLogContract,
                         testing::Values(LogBackend{"postgres", [](const auto& folder) {
                                                      return open_postgres_log(postgres::database_of(folder));
                                                    }}));

}  // namespace rookery::storage
