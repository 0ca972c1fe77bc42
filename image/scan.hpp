// Fingerprints of an image's blocks, in one pass through it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "image/core/grid.hpp"
#include "image/core/index_format.hpp"
#include "image/core/md5.hpp"
#include "image/scan_crew.hpp"
#include "image/source.hpp"

namespace ballast::image {

class ScanSink {
  public:
    virtual ~ScanSink() = default;
    // Fingerprints of blocks that are not zero, in the order of blocks; `level` as in the scanner's grids.
    virtual Status take(std::size_t level, std::span<const Entry> entries, std::string& why) = 0;
    // Of segments that were read whole, when they are wanted.
    virtual Status take_seen(std::span<const SeenSegment>, std::string&) { return {}; }
    // Everything of the image below this byte has been taken. Between two calls at most scan_entries_max() of
    // a level are.
    virtual Status reached(std::uint64_t offset, std::string& why) = 0;
};

// Memory is taken once, by the constructor (under 1 MiB, and as much again for each thread).
class Scanner {
  public:
    // One grid, or two: of blocks, and of the sectors in them (the same starts). All must outlive the
    // scanner. With `threads` above 1 as many read and hash beside the caller, if the source can be shared;
    // the sink is called by the caller's alone. With `seen` whole segments are read, wherever there are data
    // in them.
    Scanner(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel, std::size_t threads = 1,
            const SeenOptions* seen = nullptr);
    ~Scanner();
    Scanner(const Scanner&) = delete;
    Scanner& operator=(const Scanner&) = delete;

    // Goes through `range`, which must begin and end on blocks of the first grid (or at the image's end).
    // Faults of the source and of the sink. Once, when there are threads.
    Status scan(Extent range, ScanSink& sink, std::string& why);

  private:
    class Walk;
    Status hand_over(const ScanUnit& unit, ScanSink& sink, std::string& why) const;
    Status scan_here(Walk& walk, ScanSink& sink, std::string& why);
    Status scan_beside(Walk& walk, ScanSink& sink, std::string& why);

    ImageSource& source_;
    std::span<const Grid> grids_;
    bool by_segments_;
    std::unique_ptr<UnitHasher> hasher_;  // without threads
    std::unique_ptr<ScanUnit> unit_;
    std::unique_ptr<ScanCrew> crew_;  // with them
    Extent data_;  // what the source last said of holes: data_.offset is the first data after asked_
    std::uint64_t asked_ = ~std::uint64_t{0};
};

}  // namespace ballast::image
