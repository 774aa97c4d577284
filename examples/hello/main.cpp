#include "paceline/app.h"

using namespace paceline;

Response hello(Request&) { return Response::text("Hello, world\n"); }

int main(int argc, char** argv) {
  return run(argc, argv, [](App& app) { app.get("/", &hello); });
}
