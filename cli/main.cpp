// The program `paceline`: every command of an application, with the configured data service.
#include "paceline/app.h"
#include "paceline/service.h"

int main(int argc, char** argv) {
  const paceline::Program program = {
      .default_config = paceline::default_config(),
      .try_line = "curl -X PUT {url}/data/42 -d '{\"name\":\"Ada\"}'; curl -i {url}/data/42"};
  return paceline::run(argc, argv, {}, program);
}
