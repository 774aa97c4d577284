// Unwinding and naming, by libdw: what perf does with the stacks it copies.
#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "paceline/loop/stack.h"

namespace paceline {
namespace {

constexpr std::string_view kProgram = "program";

/// No search for separate debug files, which could ask a server.
int no_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                 char**) {
  return -1;
}
int no_elf(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) { return -1; }

/// The kernel's page of code has no file of its own.
int vdso_file() {
  const void* image = reinterpret_cast<const void*>(getauxval(AT_SYSINFO_EHDR));  // NOLINT
  if (image == nullptr) return -1;
  const auto* header = static_cast<const ElfW(Ehdr)*>(image);
  const std::size_t size = header->e_shoff + std::size_t{header->e_shnum} * header->e_shentsize;
  const int fd = memfd_create("vdso", MFD_CLOEXEC);
  if (fd >= 0 && ::write(fd, image, size) != static_cast<ssize_t>(size)) {
    ::close(fd);
    return -1;
  }
  return fd;
}

/// Every loaded object, by the file it was loaded from: the program's own may have been replaced.
int report_object(dl_phdr_info* info, std::size_t /*size*/, void* dwfl) {
  const std::string_view name(info->dlpi_name != nullptr ? info->dlpi_name : "");
  const bool program = name.empty();
  const bool vdso = info->dlpi_addr == getauxval(AT_SYSINFO_EHDR);
  const int fd = vdso ? vdso_file()
                      : ::open(program ? "/proc/self/exe" : info->dlpi_name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const std::size_t slash = name.rfind('/');
  const std::string shown(program                           ? kProgram
                          : slash == std::string_view::npos ? name
                                                            : name.substr(slash + 1));
  // Takes the descriptor over, unless it fails.
  if (dwfl_report_elf(static_cast<Dwfl*>(dwfl), shown.c_str(), shown.c_str(), fd, info->dlpi_addr,
                      false) == nullptr) {
    ::close(fd);
  }
  return 0;
}

pid_t next_thread(Dwfl*, void* copy, void** seen) {
  if (*seen != nullptr) return 0;
  *seen = copy;
  return ::getpid();
}

bool read_memory(Dwfl*, Dwarf_Addr at, Dwarf_Word* result, void* argument) {
  const auto& copy = *static_cast<const StackCopy*>(argument);
  if (at < copy.from || (at - copy.from) / 8 >= copy.count || (at - copy.from) % 8 != 0) {
    return false;
  }
  *result = copy.words[(at - copy.from) / 8];
  return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const auto& copy = *static_cast<const StackCopy*>(argument);
  std::array<Dwarf_Word, 17> registers{};
  std::copy(copy.registers.begin(), copy.registers.end(), registers.begin());
  return dwfl_thread_state_registers(thread, 0, registers.size(), registers.data());
}

constexpr Dwfl_Callbacks kObjects = {.find_elf = no_elf,
                                     .find_debuginfo = no_debuginfo,
                                     .section_address = nullptr,
                                     .debuginfo_path = nullptr};
constexpr Dwfl_Thread_Callbacks kThread = {.next_thread = next_thread,
                                           .get_thread = nullptr,
                                           .memory_read = read_memory,
                                           .set_initial_registers = set_registers,
                                           .detach = nullptr,
                                           .thread_detach = nullptr};

/// Without the parameters: "a::f(int) const" is a::f. What is no plain name stays whole.
std::string without_parameters(std::string name) {
  const std::size_t end = name.rfind(')');
  if (end == std::string::npos || end + 8 < name.size()) return name;  // behind it: " const"
  int depth = 0;
  for (std::size_t i = end + 1; i-- > 0;) {
    depth += name[i] == ')' ? 1 : name[i] == '(' ? -1 : 0;
    if (depth == 0) return i > 0 ? name.substr(0, i) : name;
  }
  return name;
}

/// A long name without its outermost template arguments: "std::_Function_handler<...>::_M_invoke".
std::string shortened(std::string name) {
  constexpr std::size_t kLong = 80;
  if (name.size() <= kLong) return name;
  std::string kept;
  int depth = 0;
  for (const char c : name) {
    if (c == '<' && depth++ == 0) kept += "<...";
    if (depth == 0) kept += c;
    if (c == '>' && --depth == 0) kept += c;
  }
  // An operator such as "operator<<" is no list of arguments.
  return depth == 0 ? kept : name;
}

std::string demangled(const char* symbol) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string name(status == 0 ? text : symbol);
  std::free(text);  // NOLINT: the library allocates so
  return shortened(without_parameters(std::move(name)));
}

/// Asks every compilation unit: Clang writes no table of which covers what (.debug_aranges).
std::string place_of(Dwfl_Module* module, Dwarf_Addr pc) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = nullptr;
  while ((unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr) {
    if (dwarf_haspc(unit, pc - bias) <= 0) continue;
    Dwarf_Line* line = dwarf_getsrc_die(unit, pc - bias);
    const char* file = line != nullptr ? dwarf_linesrc(line, nullptr, nullptr) : nullptr;
    int number = 0;
    if (file == nullptr || dwarf_lineno(line, &number) != 0) return {};
    std::string_view name(file);
    if (name.starts_with("./")) name.remove_prefix(2);
    return std::string(name) + ":" + std::to_string(number);
  }
  return {};
}

StackFrame name_frame(Dwfl* dwfl, Dwarf_Addr pc) {
  StackFrame frame;
  Dwfl_Module* module = dwfl_addrmodule(dwfl, pc);
  if (module == nullptr) {
    frame.function = "?";
    return frame;
  }
  Dwarf_Addr start = 0;
  const char* name =
      dwfl_module_info(module, nullptr, &start, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (name == kProgram) frame.part = StackFrame::Part::program;
  const char* symbol = dwfl_module_addrname(module, pc);
  if (symbol != nullptr) {
    frame.function = demangled(symbol);
  } else {
    std::array<char, 24> offset{};
    std::snprintf(offset.data(), offset.size(), "+0x%llx",
                  static_cast<unsigned long long>(pc - start));
    frame.function = std::string(name) + offset.data();
  }
  frame.place = place_of(module, pc);
  return frame;
}

struct Walk {
  Dwfl* dwfl;
  std::size_t frames_max;
  std::vector<StackFrame> frames;
};

int take_frame(Dwfl_Frame* state, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  Dwarf_Addr pc = 0;
  bool interrupted = false;
  if (!dwfl_frame_pc(state, &pc, &interrupted)) return DWARF_CB_ABORT;
  // A return address is behind the call; the call may be a function's last instruction.
  if (!interrupted && pc > 0) --pc;
  walk.frames.push_back(name_frame(walk.dwfl, pc));
  return walk.frames.size() < walk.frames_max ? DWARF_CB_OK : DWARF_CB_ABORT;
}

}  // namespace

std::vector<StackFrame> unwind(const StackCopy& copy, std::size_t frames_max) {
  Dwfl* dwfl = dwfl_begin(&kObjects);
  if (dwfl == nullptr) return {};
  Walk walk{.dwfl = dwfl, .frames_max = frames_max, .frames = {}};
  dl_iterate_phdr(&report_object, dwfl);
  StackCopy own = copy;  // libdw takes pointers to what it may change
  if (dwfl_report_end(dwfl, nullptr, nullptr) == 0 &&
      dwfl_attach_state(dwfl, nullptr, ::getpid(), &kThread, &own)) {
    dwfl_getthread_frames(dwfl, ::getpid(), &take_frame, &walk);
  }
  dwfl_end(dwfl);
  return std::move(walk.frames);
}

}  // namespace paceline
