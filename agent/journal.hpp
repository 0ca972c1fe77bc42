// The agent's journal: one durable file a job record in one directory, and the journal's own identity. Why
// not a database: docs/decisions/0003-agent-journal.md.
#pragma once

#include <string>
#include <vector>

#include "agent/core/record.hpp"
#include "base/result.hpp"

namespace ballast::agent {

class Journal {
  public:
    // Makes the directory when it is not there, and begins a journal with a new random identity when it has
    // none. A journal that had to be begun anew cannot know what an earlier one promised: peers tell them
    // apart by identity. A record that is none is set aside under the name FILE.bad and named in `notes`; one
    // that the disk does not give is `io_failed`.
    Status open(const std::string& directory, std::vector<JobRecord>& records,
                std::vector<std::string>& notes, std::string& why);

    const Uuid& id() const noexcept { return id_; }
    // On disk when ok; at stage `none` nothing is kept of it.
    Status write(const JobRecord& record, std::string& why);
    Status forget(std::uint64_t job_id, std::string& why);

  private:
    Status open_identity(std::string& why);
    std::string path_of(std::uint64_t job_id) const;

    std::string directory_;
    Uuid id_;
};

}  // namespace ballast::agent
