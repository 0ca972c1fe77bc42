#include "cli/offline/output.hpp"

#include "cli/files.hpp"

namespace ballast::cli::offline {

namespace {

constexpr unsigned readable_by_all = 0644;

Exit put_file(Context& context, const std::string& path, const std::string& content) {
    std::string why;
    if (path.empty() || write_file(path, content, readable_by_all, why).ok()) {
        return Exit::ok;
    }
    context.complain(why);
    return Exit::failed;
}

}  // namespace

void declare_table(Options& options, ReportOptions& into) {
    options.flag("--markdown", into.markdown, "print the table in Markdown");
    options.value("--csv", &into.csv, "FILE", "write the table as CSV").completes(Completes::files);
}

void declare_report(Options& options, ReportOptions& into, std::string_view plot) {
    declare_table(options, into);
    options.value("--svg", &into.svg, "FILE", plot).completes(Completes::files);
}

Exit put_report(Context& context, const ReportOptions& options, const Report& report) {
    if (options.markdown) {
        context.print(report.markdown());
    } else if (context.format() == Format::json) {
        context.print(report.json());
    } else if (context.format() == Format::ndjson) {
        context.print(report.ndjson());
    } else {
        context.print(report.text(!context.output.no_headers));
    }
    return put_file(context, options.csv, report.csv());
}

Exit put_plot(Context& context, const ReportOptions& options, const std::string& svg) {
    return put_file(context, options.svg, svg);
}

}  // namespace ballast::cli::offline
