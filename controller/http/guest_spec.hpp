// The body of POST /v1/vms: what a guest is to be.
#pragma once

#include "controller/http/json_body.hpp"
#include "proto/messages.hpp"

namespace ballast::controller::http {

// Reads the fields of a guest into `spec`. What is wrong is in the body's errors. A uuid and MAC addresses
// that the body leaves out are made up. `finish` is left to the caller, who may know further fields.
void read_guest_spec(JsonFields& fields, wire::GuestSpec& spec);

}  // namespace ballast::controller::http
