// Where the tables and plots of the offline commands go.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "cli/exit_codes.hpp"
#include "cli/offline/report.hpp"
#include "cli/options.hpp"

namespace ballast::cli::offline {

struct ReportOptions {
    bool markdown = false;
    std::string csv;  // file; empty: none
    std::string svg;  // file; empty: none
};

// --markdown and --csv alone.
void declare_table(Options& options, ReportOptions& into);
void declare_report(Options& options, ReportOptions& into, std::string_view plot);

// Prints the table in the form asked for, and writes the CSV file if one is wanted.
Exit put_report(Context& context, const ReportOptions& options, const Report& report);

// Writes the plot if one is wanted.
Exit put_plot(Context& context, const ReportOptions& options, const std::string& svg);

}  // namespace ballast::cli::offline
