// The actions behind `ballast image …`, one for each command.
#pragma once

#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "image/index_file.hpp"

namespace ballast::cli {

Action declare_image_index(Options& options);
Action declare_image_info(Options& options);
Action declare_image_compare(Options& options);
Action declare_image_rank(Options& options);

// What an image's index is called unless it is said.
std::string index_path_of(const std::string& image);
// Opens an index: the file itself, or that beside the image of this name. Complains when there is none.
std::unique_ptr<image::IndexFile> open_index(const Context& context, const std::string& path);

Exit exit_of(Fault fault) noexcept;
// "23.4 %"
std::string percent(double share);
TableStyle image_table_style(const Context& context);

}  // namespace ballast::cli
