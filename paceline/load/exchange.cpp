#include "paceline/load/exchange.h"

#include "paceline/load/thread.h"

namespace paceline {

void LoadExchange::fire() { thread_.pause_over(connection_); }

}  // namespace paceline
