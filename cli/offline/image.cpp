#include "cli/offline/image.hpp"

#include <array>

#include "cli/offline/image_actions.hpp"

namespace ballast::cli {

namespace {

constexpr std::array image_table{
    Command{
        "image index", "Writes the index of a disk image: fingerprints of its blocks",
        "Reads the image once, holes left out, and writes IMAGE.index (or --to FILE). An index finds blocks "
        "that another image has, too; it proves nothing about them.\n\n"
        "An interrupted run goes on where it stopped when it is started again. With --changed or --refresh, "
        "only what changed is read: each line of the file names a stretch of bytes, offset and length.\n\n"
        "  ballast image index /srv/images/vm1.raw\n"
        "  echo '1048576 65536' | ballast image index --changed - /srv/images/vm1.raw",
        "", "", &declare_image_index},
    Command{
        "image info", "Says what an index holds, and whether its image has changed since",
        "Checks every piece of the index. With --image, says whether the index is still fresh.",
        "0 the index is whole, and fresh if that was asked\n1 it is damaged\n5 its image has changed since: "
        "index it again",
        "", &declare_image_info},
    Command{
        "image compare", "Says how many blocks of one image another one has",
        "As in the tables of the BLOCKSHARE paper: all blocks of A, the same blocks with duplicates counted "
        "and once each, as shares of all blocks of A; what is left would have to be sent. A block of zeros "
        "is a block like any other here; the rows below leave zeros out.\n\n"
        "  ballast image compare vm1.raw.index template.raw.index",
        "", "", &declare_image_compare},
    Command{
        "image rank", "Orders images by how much of one image they hold",
        "The best destination of IMAGE's data comes first. By their sketches (a sample of 64 KiB an image), "
        "or exactly.\n\n"
        "  ballast image rank vm1.raw.index /srv/indexes/*.index",
        "", "", &declare_image_rank},
};

}  // namespace

std::span<const Command> image_commands() {
    return image_table;
}

}  // namespace ballast::cli
