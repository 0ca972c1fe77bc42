// libxl's C types with C++ ownership. Every IDL type is initialised before use and disposed of exactly once;
// strings that libxl hands out are freed.
#pragma once

extern "C" {
#include <libxl.h>
#include <libxl_utils.h>
}

#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/fault.hpp"
#include "base/uuid.hpp"

namespace ballast::xen {

// A type of libxl's interface description language, between its init and its dispose. Everything that the
// value points to is malloc'd and belongs to it.
template <class T, void (*init)(T*), void (*dispose)(T*)>
class Idl {
  public:
    Idl() noexcept { init(&value_); }
    ~Idl() { dispose(&value_); }
    Idl(const Idl&) = delete;
    Idl& operator=(const Idl&) = delete;

    T* get() noexcept { return &value_; }
    T* operator->() noexcept { return &value_; }
    const T* operator->() const noexcept { return &value_; }
    T& operator*() noexcept { return value_; }
    const T& operator*() const noexcept { return value_; }

  private:
    T value_;
};

using DomainInfo = Idl<libxl_dominfo, libxl_dominfo_init, libxl_dominfo_dispose>;
using PhysInfo = Idl<libxl_physinfo, libxl_physinfo_init, libxl_physinfo_dispose>;
using DomainConfig = Idl<libxl_domain_config, libxl_domain_config_init, libxl_domain_config_dispose>;
using RestoreParams =
    Idl<libxl_domain_restore_params, libxl_domain_restore_params_init, libxl_domain_restore_params_dispose>;

struct FreeDeleter {
    void operator()(void* memory) const noexcept { std::free(memory); }
};
using CString = std::unique_ptr<char, FreeDeleter>;

// A malloc'd, NUL-terminated copy: what libxl's structs own. Ends the process when there is no memory, as
// libxl does.
char* duplicate(std::string_view text);

// All domains of the host, by one hypercall.
class DomainInfoList {
  public:
    explicit DomainInfoList(libxl_ctx* ctx) noexcept : items_{libxl_list_domain(ctx, &count_)} {}
    ~DomainInfoList() {
        if (items_ != nullptr) {
            libxl_dominfo_list_free(items_, count_);
        }
    }
    DomainInfoList(const DomainInfoList&) = delete;
    DomainInfoList& operator=(const DomainInfoList&) = delete;

    bool ok() const noexcept { return items_ != nullptr; }
    const libxl_dominfo* begin() const noexcept { return items_; }
    const libxl_dominfo* end() const noexcept { return items_ + count_; }

  private:
    int count_ = 0;  // declared first: the list's initialiser writes it
    libxl_dominfo* items_;
};

Uuid uuid_of(const libxl_uuid& uuid) noexcept;
libxl_uuid to_libxl(const Uuid& uuid) noexcept;

// What a return code of libxl means without knowing the call. -3, its word for nearly everything, is
// `hypervisor_failed`: the reason stands in the log lines only.
Fault fault_of(int libxl_rc) noexcept;

}  // namespace ballast::xen
