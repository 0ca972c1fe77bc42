"""Two sites on real Xen: hosts with disks of their own and a slow link between them; a guest's disk image travels with it."""

import time

import guests
import process
from scenarios import expect

IMAGES = "/srv/images"
IMAGE_MIB = 24
LINK = "rate 50mbit delay 20ms limit 2000"  # each way: 40 ms there and back
SITES = """
[[sites]]
name = "here"
hosts = ["h1"]
[[sites]]
name = "there"
hosts = ["h2"]
[[links]]
between = ["here", "there"]
bandwidth_mbps = 50
latency_ms = 40
"""
CUT_SECONDS = 30
MIB = 1 << 20


def link_card(host):
    """The card that leads to the other hosts: the bridge's port that no guest has."""
    return host.run("ls /sys/class/net/xenbr0/brif | grep -m1 ^eth").strip()


def sent_bytes(host):
    """What has left this host towards the others, as its kernel counts it."""
    return int(host.run(f"cat /sys/class/net/{link_card(host)}/statistics/tx_bytes"))


def shape(site):
    for host in site.lab.hosts:
        # A kernel hands big pieces to its card, and netem delays and counts packets: pieces are cut before it.
        host.run(f"tc qdisc replace dev {link_card(host)} root netem {LINK}")


def unshape(site):
    for host in site.lab.hosts:
        if host.is_alive():
            host.try_run(f"tc qdisc del dev {link_card(host)} root")


def images_of(site, job):
    return site.api.get(f"/v1/jobs/{job['id']}")["migration"]["images"]


def digest_behind_the_head(host, path):
    """Of the image without its first block, which the guest writes to all the time."""
    return host.run(f"tail -c +4097 {path} | sha256sum", timeout=180).split()[0]


def expect_ranked(site, name):
    """h2 is the one destination, by the configured link, and has nothing of the image; returns the predicted seconds."""
    job = site.api.post(f"/v1/vms/{name}:index", {})
    ended = site.api.wait_for_job(job["id"], 120)
    expect(ended["state"] == "succeeded", f"the index of {name}'s image: {ended}")
    ranked = site.api.get(f"/v1/vms/{name}/destinations")["destinations"]
    expect([(one["host"], one["site"], one["possible"]) for one in ranked] == [("h2", "there", True)], f"destinations: {ranked}")
    expect((ranked[0]["bandwidth_mbps"], ranked[0]["latency_ms"]) == (50, 40), f"the link's figures: {ranked[0]}")
    return ranked[0]["seconds"]


def move(site, name, destination, cut=False):
    """Sends the guest with its image; returns the ended job and what the source's kernel has sent meanwhile."""
    source = site.lab["h1" if destination == "h2" else "h2"]
    before = sent_bytes(source)
    job = site.api.post(f"/v1/vms/{name}:migrate", {"to": destination, "storage": "copy", "mode": "live"})
    if cut:
        process.wait_until(lambda: images_of(site, job)["done_bytes"] >= IMAGE_MIB * MIB // 3, 180, "a third of the image",
                           interval=0.5)
        source.set_link("peer", False)
        time.sleep(CUT_SECONDS)  # so long is the cut: nothing is awaited
        found = site.copies(name)
        expect(len(found) == 1 and found[0].host == source.name and found[0].executes,
               f"with the link cut {name} should run on where it is, but Xen has {found}")
        source.set_link("peer", True)
    ended = site.api.wait_for_job(job["id"], 420)
    expect(ended["state"] == "succeeded", f"the migration to {destination}: {ended}")
    site.expect_one(name, destination)
    return ended, sent_bytes(source) - before


def image_goes_along(site):
    """a running guest moves over 50 Mbit/s and 40 ms with the raw disk of its own host, to the site that the ranking names; a cut of 30 s in the middle; its counter and its disk go on; the way back carries only what changed"""
    h1, h2 = site.lab.hosts
    shape(site)
    site.pool.restart_controller(balance=False, sites=SITES)
    site.pool.wait_for_hosts(["h1", "h2"])
    try:
        path = f"{IMAGES}/traveller.img"
        h1.run(f"head -c {IMAGE_MIB}M /dev/urandom > {path}")
        content = digest_behind_the_head(h1, path)
        site.create("traveller", disks=[{"format": "raw", "target": path, "device": "xvda", "writable": True}])
        guests.tell(h1, "traveller", "disk on")
        boot = site.expect_ticking("traveller")[-1].boot

        seconds = expect_ranked(site, "traveller")
        print(f"       predicted: {seconds:.0f} s", flush=True)
        job, sent = move(site, "traveller", "h2", cut=True)
        images = job["migration"]["images"]
        print(f"       out: {images}, {sent} bytes sent by h1's kernel, downtime {job['migration']['downtime_ms']} ms", flush=True)
        expect(images["bytes"] == IMAGE_MIB * MIB and images["rounds"] >= 2, f"the job says {images}")
        # A third of it had travelled before the cut.
        expect(images["wire_bytes"] < 1.2 * IMAGE_MIB * MIB, f"the image was begun again after the cut: {images}")
        sent_for_image = images["wire_bytes"]
        expect(digest_behind_the_head(h2, path) == content, "the image that arrived is another one")
        expect(h1.try_run(f"test -e {path}")[0] != 0, "the source still has the image under its name")
        left = h1.run(f"ls {path}.left-*").strip()
        ticks = site.expect_ticking("traveller")
        expect(ticks[-1].boot == boot and all(tick.disk == 0 for tick in ticks), "the guest's disk failed it, or it booted again")
        process.wait_until(lambda: f"boot={boot}" in h2.run(f"head -c 200 {path} | tr -d '\\0'"), 60,
                           "the guest's own words in the image on h2", interval=1)

        job, sent_back = move(site, "traveller", "h1")
        images = job["migration"]["images"]
        print(f"       back: {images}, {sent_back} bytes sent by h2's kernel, downtime {job['migration']['downtime_ms']} ms", flush=True)
        expect(images["wire_bytes"] < IMAGE_MIB * MIB / 8, f"{left} was not copied from: {images}")
        # What the job says of the image is what the kernel saw, but for the memory, which is about the same both ways.
        expect(sent < sent_for_image + 1.5 * sent_back, f"{sent} bytes out and {sent_back} back, {sent_for_image} of them for the image?")
        expect(digest_behind_the_head(h1, path) == content, "the image that came back is another one")
        ticks = site.expect_ticking("traveller")
        expect(ticks[-1].boot == boot and all(tick.disk == 0 for tick in ticks), "the guest's disk failed it on the way back")
        site.destroy("traveller")
    finally:
        unshape(site)
        site.pool.restart_controller(balance=False)
        site.pool.wait_for_hosts(["h1", "h2"])


def configure(site, host, **options):
    host.put({"/etc/ballast/agent.toml": site.pool.agent_config(host.name, host.peer_address, **options)})
    host.run("systemctl restart ballast-agent.service")
    site.pool.wait_for_hosts([one.name for one in site.lab.hosts])


def disk_sum(host, name):
    """What the guest reads of its disk, out of its page cache where it has that."""
    guests.tell(host, name, "disk sum", timeout=120)
    return host.run(f"xenstore-read /local/domain/$(xl domid {name})/data/lab-sum").strip()


def memory_is_named(site):
    """pages of the guest's memory that are blocks of its image, or zeros, are named to the other site instead of sent, and are the same there"""
    h1, h2 = site.lab.hosts
    configure(site, h1, compression="none", page_references=True)
    shape(site)
    try:
        path = f"{IMAGES}/reader.img"
        h1.run(f"head -c {IMAGE_MIB}M /dev/urandom > {path}")
        site.create("reader", disks=[{"format": "raw", "target": path, "device": "xvda", "writable": True}])
        before = disk_sum(h1, "reader")
        boot = site.expect_ticking("reader")[-1].boot
        job, sent = move(site, "reader", "h2")
        migration = job["migration"]
        memory, named, image = (migration["memory_bytes"], migration["referenced_bytes"], migration["images"]["wire_bytes"])
        print(f"       memory {memory}, of it named {named}; image {image}; {sent} bytes sent by h1's kernel", flush=True)
        # The guest's cache of its disk alone is that much, and the kernel's count must show what was saved.
        expect(named > 0.9 * IMAGE_MIB * MIB, f"only {named} bytes were named")
        expect(sent < 1.1 * (image + memory - named) + 2 * MIB, f"{sent} bytes were sent although {named} were named")
        expect(disk_sum(h2, "reader") == before, "what the guest reads is not what it read before")
        ticks = site.expect_ticking("reader")
        expect(ticks[-1].boot == boot, "the guest booted again")
        site.destroy("reader")
    finally:
        unshape(site)
        configure(site, h1)
