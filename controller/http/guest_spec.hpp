// The body of POST /v1/vms: what a guest is to be.
#pragma once

#include <functional>

#include "controller/http/json_body.hpp"
#include "proto/messages.hpp"

namespace ballast::controller::http {

// Reads the fields of a guest into `spec`. What is wrong is in the body's errors. A uuid and MAC addresses
// that the body leaves out are made up. `finish` is left to the caller, who may know further fields.
void read_guest_spec(JsonFields& fields, wire::GuestSpec& spec);

// The same without name, uuid and MAC addresses, which each desktop made of it has of its own. The targets of
// disks may hold "{desktop}" and "{user}". `volume` is called for each disk with what more its object holds.
void read_guest_template(JsonFields& fields, wire::GuestSpec& spec,
                         const std::function<void(JsonFields& disk, std::size_t index)>& volume);
// The absolute path in a field; what is wrong is in the body's errors.
void read_absolute_path(JsonFields& fields, std::string_view name, bool required, Path& out);

}  // namespace ballast::controller::http
