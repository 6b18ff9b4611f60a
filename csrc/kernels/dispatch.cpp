#include "kernels/dispatch.h"

#if defined(__x86_64__)
#include "kernels/amx.h"
#endif

namespace fastbp {

#if defined(__x86_64__)
KernelTable kernel_table_amx();
KernelTable kernel_table_avx512();
KernelTable kernel_table_avx2();
#endif
KernelTable kernel_table_baseline();

namespace {

struct Candidate {
  const char* name;
  KernelTable (*table)();
  bool (*runs_here)();
};

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

// Best first. The names are those of CMakeLists.txt.
constexpr Candidate kCandidates[] = {
#if defined(__x86_64__)
    {"amx", kernel_table_amx, [] { return has_avx512() && may_use_amx(); }},
    {"avx512", kernel_table_avx512, has_avx512},
    {"avx2", kernel_table_avx2, [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
    {"baseline", kernel_table_baseline, [] { return true; }},
};

struct Choice {
  std::string name;
  KernelTable table;
};

// Filled once; a table's function runs only where its instructions do.
const std::vector<Choice>& choices() {
  static const std::vector<Choice> all = [] {
    std::vector<Choice> found;
    for (const Candidate& candidate : kCandidates) {
      if (candidate.runs_here()) found.push_back({candidate.name, candidate.table()});
    }
    return found;
  }();
  return all;
}

}  // namespace

std::vector<std::string> built_isas() {
  std::vector<std::string> names;
  for (const Candidate& candidate : kCandidates) names.push_back(candidate.name);
  return names;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Choice& choice : choices()) names.push_back(choice.name);
  return names;
}

const KernelTable& kernel_table(const std::string& isa) {
  std::string known;
  for (const Choice& choice : choices()) {
    if (choice.name == isa) return choice.table;
    known += (known.empty() ? "" : ", ") + choice.name;
  }
  throw std::invalid_argument("instruction set '" + isa + "' is not available here; choose one of: " + known);
}

}  // namespace fastbp
