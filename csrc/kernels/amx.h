// Whether this process may use the matrix unit (AMX): the processor has it with bfloat16, the system saves its tiles,
// and Linux, which gives each process their 8 KB only if it asks, says yes.
#pragma once

#include <cpuid.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fastbp {

inline bool may_use_amx() {
#if defined(__linux__)
  constexpr unsigned kSavesRegisters = 1u << 27;               // leaf 1, ecx: xgetbv is there
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24;  // leaf 7, edx
  constexpr unsigned kTileConfig = 1u << 17, kTileData = 1u << 18;
  constexpr long kAskForState = 0x1023, kTileDataState = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & kSavesRegisters)) return false;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || ~edx & (kBfloat16 | kTiles)) return false;
  asm("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  if (~eax & (kTileConfig | kTileData)) return false;
  return syscall(SYS_arch_prctl, kAskForState, kTileDataState) == 0;
#else
  return false;
#endif
}

}  // namespace fastbp
