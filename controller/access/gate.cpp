#include "controller/access/gate.hpp"

#include <algorithm>

namespace ballast::controller {

Caller Gate::judge(const Credentials& credentials, const Now& now) {
    if (credentials.local) {
        return {.role = Role::admin, .proof = Proof::socket, .name = "local"};
    }
    if (!settings_.authenticate) {
        return {.role = Role::admin, .proof = Proof::unasked, .name = "anyone"};
    }
    // A token says more exactly what is wanted than the certificate that the connection happens to have.
    if (credentials.token.empty()) {
        return credentials.certificate.empty() ? Caller{} : judge_certificate(credentials);
    }
    if (const unsigned wait = limiter_.wait_seconds(credentials.address, now.mono); wait != 0) {
        ++counters_.logins_limited;
        return {.retry_after_seconds = wait};
    }
    Caller caller = judge_token(credentials, now);
    if (caller.role == Role::none) {
        ++counters_.logins_failed;
        if (limiter_.failed(credentials.address, now.mono) && failed_login_) {
            failed_login_(credentials, caller);
        }
    }
    return caller;
}

Caller Gate::judge_token(const Credentials& credentials, const Now& now) {
    Caller caller{.proof = Proof::token};
    const TokenRecord* token = tokens_.find(credentials.token);
    if (token == nullptr) {
        caller.refusal = "the token is unknown";
        return caller;
    }
    caller.name = token->name.view();
    if (const TokenState state = state_of(*token, now.wall); state != TokenState::live) {
        caller.refusal = "the token \"" + caller.name + "\" is " + std::string{to_string(state)};
        return caller;
    }
    caller.role = token->role;
    caller.user = token->user.view();
    caller.token_id = token->id;
    tokens_.used(token->id, now.wall);
    return caller;
}

Caller Gate::judge_certificate(const Credentials& credentials) const {
    Caller caller{.proof = Proof::certificate, .name = std::string{credentials.certificate}};
    const auto known =
        std::ranges::find(settings_.certificates, credentials.certificate, &CertificateRole::common_name);
    if (known == settings_.certificates.end()) {
        caller.refusal = "the certificate's name has no role in http.client_roles";
        return caller;
    }
    caller.role = known->role;
    caller.user = known->role == Role::user ? known->common_name : std::string{};
    return caller;
}

}  // namespace ballast::controller
