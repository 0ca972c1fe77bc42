#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/guest_spec.hpp"
#include "controller/http/handlers.hpp"

namespace ballast::controller::http {

namespace {

std::optional<Problem> check_filters(const Core& core, const SetFilter& states, const SetFilter& hosts) {
    for (const std::string_view word : states.words()) {
        if (!parse_vm_state(word).has_value()) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "state: no vm state \"" + std::string{word} + "\""};
        }
    }
    for (const std::string_view word : hosts.words()) {
        if (core.find_host(word) == no_row) {
            return Problem{.slug = Slug::not_found, .detail = "no host \"" + std::string{word} + "\""};
        }
    }
    return std::nullopt;
}

// Row of the guest that the path names, or the refusal.
std::optional<std::uint32_t> find(Api& api, const Call& call, Reply& refusal) {
    bool ambiguous = false;
    const std::uint32_t vm = api.core().find_vm(call.id, &ambiguous);
    if (vm != no_row) {
        return vm;
    }
    refusal = ambiguous
                  ? api.refuse(call.request,
                               {.slug = Slug::state_conflict,
                                .detail = "several guests are called \"" + call.id + "\": use the uuid"})
                  : api.not_found(call, "vm");
    return std::nullopt;
}

// The name or uuid of a host in a body.
void read_host(JsonFields& fields, std::string_view name, Command& command) {
    const std::optional<std::string> host = fields.text(name, false, command.to.capacity());
    if (host.has_value() && (host->empty() || !command.to.try_assign(*host))) {
        fields.reject(name, "expected the name or uuid of a host");
    }
}

void read_storage(JsonFields& fields, Command& command) {
    const std::string storage = fields.text("storage", false, 16).value_or("shared");
    command.copy_storage = storage == "copy";
    if (!command.copy_storage && storage != "shared") {
        fields.reject("storage", "expected shared or copy");
    }
    const std::optional<std::int64_t> limit = fields.integer("bandwidth_mbps", false, 0, bandwidth_mbps_max);
    if (limit.has_value() && !command.copy_storage) {
        fields.reject("bandwidth_mbps", "a limit for disk images, which travel with storage \"copy\" alone");
    }
    command.bandwidth_mbps = static_cast<std::uint32_t>(limit.value_or(0));
}

// The fields that the action knows.
void read_action(JsonFields& fields, CommandKind kind, Command& command) {
    if (kind == CommandKind::vm_start || kind == CommandKind::vm_migrate) {
        read_host(fields, "to", command);
    }
    if (kind == CommandKind::vm_migrate) {
        const std::optional<std::string> mode = fields.text("mode", false, 16);
        if (mode.has_value()) {
            const std::optional<MigrationMode> parsed = parse_migration_mode(*mode);
            command.mode = parsed.value_or(MigrationMode::automatic);
            if (!parsed.has_value()) {
                fields.reject("mode", "expected live, stop_and_copy or automatic");
            }
        }
        read_storage(fields, command);
    }
    if (kind == CommandKind::vm_shutdown || kind == CommandKind::vm_destroy) {
        command.force = fields.flag("force", false).value_or(false);
    }
    if (kind == CommandKind::vm_set_movable) {
        command.flag = fields.flag("movable", true).value_or(false);
    }
    fields.finish();
}

}  // namespace

Answer list_vms(Api& api, const Call& call) {
    const Core& core = api.core();
    Page page;
    const SetFilter states{call.request, "state"};
    const SetFilter hosts{call.request, "host"};
    const SetFilter kinds{call.request, "kind"};
    const SetFilter pools{call.request, "pool"};
    std::optional<Problem> problem = read_page(call.request, page);
    if (!problem.has_value()) {
        problem = check_filters(core, states, hosts);
    }
    if (problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const auto rows = core.vms();
    std::vector<ListItem> items;
    items.reserve(rows.size());
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        const VmRow& vm = rows[i];
        const std::string_view host =
            vm.in_use && vm.host != no_row ? core.host(vm.host).record.name.view() : "";
        const std::string_view pool =
            vm.in_use && vm.desktop != no_row ? core.desktop(vm.desktop).record.pool.view() : "";
        if (vm.in_use && pools.passes(pool) && states.passes(to_string(vm.state)) && hosts.passes(host) &&
            kinds.passes(to_string(vm.record.kind))) {
            items.push_back(ListItem::named(vm.record.name.view(), vm.record.uuid, i));
        }
    }
    return list_reply(call.request, page, std::move(items), vm_form(core));
}

Answer get_vm(Api& api, const Call& call) {
    Reply refusal;
    const std::optional<std::uint32_t> vm = find(api, call, refusal);
    return vm.has_value() ? api.vm_reply(call.request, *vm) : refusal;
}

Answer create_vm(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    wire::GuestSpec spec;
    Command command;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    read_host(fields, "to", command);
    fields.finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    command.spec = &spec;
    return api.run(call, command);
}

Answer act_on_vm(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    JsonFields fields = body.root();
    read_action(fields, call.operation.command, command);
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    if (!command.target.try_assign(call.id)) {
        return api.not_found(call, "vm");
    }
    return api.run(call, command);
}

}  // namespace ballast::controller::http
