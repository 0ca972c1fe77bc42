// One visitor of a std::variant made of lambdas, one for each alternative.
#pragma once

namespace ballast {

template <class... Handlers>
struct Overload : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overload(Handlers...) -> Overload<Handlers...>;

}  // namespace ballast
