// Which instruction sets this build and this machine have, best first.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace fastbp {

std::vector<std::string> built_isas();
std::vector<std::string> available_isas();

// The table of an available instruction set; std::invalid_argument lists the choices for any other name.
const KernelTable& kernel_table(const std::string& isa);

template <typename T>
const Kernels<T>& kernels_of(const KernelTable& table);
template <>
inline const Kernels<float>& kernels_of<float>(const KernelTable& table) {
  return table.f32;
}
template <>
inline const Kernels<double>& kernels_of<double>(const KernelTable& table) {
  return table.f64;
}

// The entry of that name; std::invalid_argument lists the known ones.
template <typename Entry>
const Entry& find_by_name(const List<Entry>& list, const std::string& name, const char* kind) {
  std::string known;
  for (const Entry& entry : list) {
    if (name == entry.name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw std::invalid_argument("unknown " + std::string(kind) + " '" + name + "'; known: " + known);
}

// std::invalid_argument if a function of the kernels is given fewer numbers than it takes.
template <typename Entry>
void require_settings(const Entry& entry, const std::vector<double>& settings, long nodes) {
  const long needed = entry.settings.needed(nodes), given = static_cast<long>(settings.size());
  const double listed = entry.settings.list && given >= needed ? settings[needed - 1] : 0;
  if (static_cast<double>(given - needed) == listed) return;
  throw std::invalid_argument(std::string(entry.name) + " takes " + std::to_string(needed) + " settings" +
                              (entry.settings.list ? ", and as many more as the last says" : "") + "; got " +
                              std::to_string(given));
}

}  // namespace fastbp
