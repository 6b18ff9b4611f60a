// The network as Python holds it.
#pragma once

#include <atomic>
#include <optional>

#include "nn/network.h"

namespace fastbp {

template <typename T>
class PyNetwork : public Network<T> {
 public:
  using Network<T>::Network;

  std::atomic<bool> busy{false};  // while a trainer of this network works

  static constexpr long kQuickRows = 64;  // calls of up to so many rows keep the GIL

  // The workspace of such calls, kept from one to the next; the GIL keeps it to one caller at a time.
  const Workspace<T>& quick_workspace() {
    if (!quick_) quick_.emplace(this->layers(), kQuickRows, Workspace<T>::Use::inference);
    return *quick_;
  }

 private:
  std::optional<Workspace<T>> quick_;
};

}  // namespace fastbp
