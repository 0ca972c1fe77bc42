// Pools of desktops: what they are made of, how many are kept, and what became of each.
#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/guest_spec.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/pool_tag.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::int64_t seconds_max = 30 * 86400;
constexpr std::int64_t desktops_max = 1000000;  // far above any limit: the core names the limit that holds
constexpr std::int64_t size_mib_max = 64 * 1024 * 1024;

void read_seconds(JsonFields& fields, std::string_view name, std::uint32_t& out) {
    out = static_cast<std::uint32_t>(fields.integer(name, false, 0, seconds_max).value_or(out));
}

void read_count(JsonFields& fields, std::string_view name, bool required, std::uint32_t& out) {
    out = static_cast<std::uint32_t>(fields.integer(name, required, 0, desktops_max).value_or(out));
}

void read_targets(JsonFields& fields, bool required, PoolTargets& out) {
    read_count(fields, "ready", required, out.ready);
    read_count(fields, "paused", required, out.paused);
    read_count(fields, "saved", required, out.saved);
    read_count(fields, "max", required, out.max);
}

// "create" of a disk: what the file is made of when its owner logs in for the first time.
void read_volume(JsonFields& disk, std::size_t index, DesktopPoolRecord& pool) {
    disk.object("create", [&](JsonFields& create) {
        VolumeRule rule;
        rule.disk = static_cast<std::uint8_t>(index);
        const std::string source = create.text("source", true, 8).value_or("overlay");
        if (source == "copy") {
            rule.source = wire::VolumeSource::copy;
        } else if (source == "blank") {
            rule.source = wire::VolumeSource::blank;
        } else if (source != "overlay") {
            create.reject("source", "expected overlay, copy or blank");
        }
        const bool blank = rule.source == wire::VolumeSource::blank;
        read_absolute_path(create, "template", !blank, rule.template_path);
        rule.size_bytes =
            static_cast<std::uint64_t>(create.integer("size_mib", blank, 1, size_mib_max).value_or(0)) *
            1024 * 1024;
        if (!pool.volumes.try_push(rule)) {
            create.reject("source", "at most " + std::to_string(volumes_per_desktop_max) + " disks are made");
        }
    });
}

void read_words(JsonFields& fields, DesktopPoolRecord& pool) {
    const std::string kind = fields.text("kind", false, 16).value_or("common");
    if (kind == "private") {
        pool.kind = VmKind::personal;
    } else if (kind != "common") {
        fields.reject("kind", "expected common or private");
    }
    // Must be said for a common pool: whether the next user finds what the last one left is no detail.
    const std::string after = fields.text("after_session", pool.kind == VmKind::common, 8).value_or("reset");
    if (after == "ready") {
        pool.rules.after_session = AfterSession::ready;
    } else if (after != "reset") {
        fields.reject("after_session", "expected ready or reset");
    }
    const std::string console = fields.text("console", false, 8).value_or(pool.guest.vnc ? "relay" : "none");
    if (console == "relay") {
        pool.rules.console = Console::relay;
    } else if (console == "direct") {
        pool.rules.console = Console::direct;
    } else if (console != "none") {
        fields.reject("console", "expected relay, direct or none");
    }
}

void read_pool(JsonFields& fields, bool named, DesktopPoolRecord& pool) {
    if (named) {
        const std::optional<std::string> name = fields.text("name", true, pool.name.capacity());
        pool.name = name.has_value() ? Name{*name} : Name{};
    }
    if (!fields.has("template")) {
        fields.reject("template", "required: what the desktops are made of");
    }
    fields.object("template", [&](JsonFields& inside) {
        read_guest_template(inside, pool.guest,
                            [&](JsonFields& disk, std::size_t index) { read_volume(disk, index, pool); });
    });
    read_words(fields, pool);
    if (pool.kind == VmKind::common && !fields.has("targets")) {
        fields.reject("targets", "required: {\"ready\", \"paused\", \"saved\", \"max\"}");
    }
    fields.object("targets", [&](JsonFields& targets) { read_targets(targets, true, pool.targets); });
    PoolRules& rules = pool.rules;
    rules.guest_signals = fields.flag("guest_signals", false).value_or(false);
    read_seconds(fields, "pause_after_seconds", rules.pause_after_seconds);
    read_seconds(fields, "save_after_seconds", rules.save_after_seconds);
    read_seconds(fields, "paused_max_seconds", rules.paused_max_seconds);
    read_seconds(fields, "session_max_seconds", rules.session_max_seconds);
    read_seconds(fields, "session_idle_seconds", rules.session_idle_seconds);
    read_seconds(fields, "disconnect_seconds", rules.disconnect_seconds);
    read_seconds(fields, "boot_timeout_seconds", rules.boot_timeout_seconds);
    read_seconds(fields, "shutdown_grace_seconds", rules.shutdown_grace_seconds);
    const std::optional<std::string> share = fields.text("data_share", false, pool.data_share.capacity());
    pool.data_share = share.has_value() ? FixedString<255>{*share} : FixedString<255>{};
    fields.finish();
}

}  // namespace

Answer list_desktop_pools(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const auto rows = api.core().desktop_pools();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (rows[i].in_use) {
            items.push_back(ListItem::named(rows[i].record.name.view(), i));
        }
    }
    return list_reply(call.request, page, std::move(items), pool_form(api.core()));
}

Answer get_desktop_pool(Api& api, const Call& call) {
    const std::uint32_t pool = api.core().find_desktop_pool(call.id);
    return pool != no_row
               ? with_pool_tag(api.core(), call.id, object_reply(call.request, pool_form(api.core()), pool))
               : api.not_found(call, "pool");
}

Answer put_desktop_pool(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    DesktopPoolRecord pool;
    JsonFields fields = body.root();
    const bool named = call.operation.command == CommandKind::pool_create;
    read_pool(fields, named || fields.has("name"), pool);
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    if (!named) {
        if (!command.target.try_assign(call.id)) {
            return api.not_found(call, "pool");
        }
        if (pool.name.empty()) {
            pool.name = Name{call.id};
        }
    }
    command.pool = &pool;
    return api.run(call, command);
}

Answer act_on_desktop_pool(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    body.root().finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    if (!command.target.try_assign(call.id)) {
        return api.not_found(call, "pool");
    }
    return api.run(call, command);
}

Answer get_pool_targets(Api& api, const Call& call) {
    const std::uint32_t pool = api.core().find_desktop_pool(call.id);
    if (pool == no_row) {
        return api.not_found(call, "pool");
    }
    const PoolTargets& targets = api.core().desktop_pool(pool).record.targets;
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("ready", targets.ready);
    json.member("paused", targets.paused);
    json.member("saved", targets.saved);
    json.member("max", targets.max);
    json.end_object();
    json.next_document();
    return with_pool_tag(api.core(), call.id, std::move(reply));
}

Answer put_pool_targets(Api& api, const Call& call) {
    const std::uint32_t pool = api.core().find_desktop_pool(call.id);
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    if (pool == no_row || !command.target.try_assign(call.id)) {
        return api.not_found(call, "pool");
    }
    // What the body leaves out stays: cron changes one number.
    command.targets = api.core().desktop_pool(pool).record.targets;
    JsonFields fields = body.root();
    read_targets(fields, false, command.targets);
    fields.finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    return api.run(call, command);
}

}  // namespace ballast::controller::http
