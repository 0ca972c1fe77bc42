"""The acceptance test's scenarios on real Xen: what an operator does by curl, checked in the dom0s.

Each scenario gets a Site and leaves no guest behind (the runner sweeps up after a failed one).
"""

import guests
import process
import truth
from client import ApiError, JobFailed
from pool import guest_spec

SAVE_FOLDER = "/var/lib/ballast/saved"


class Mismatch(Exception):
    """Something is not as it must be."""


def expect(condition, what):
    if not condition:
        raise Mismatch(what)


class Site:
    """Lab, pool and the API together, with the questions that scenarios ask."""

    def __init__(self, lab, pool):
        self.lab = lab
        self.pool = pool
        self.api = pool.api
        self.guest_number = 0

    def spec(self, name, host, **more):
        self.guest_number += 1
        return guest_spec(name, self.guest_number, host, **more)

    def create(self, name, host="h1", **more):
        """A booted guest, and the API's word of it."""
        self.api.create(self.spec(name, host, **more))
        guests.wait_booted(self.lab[host], name)
        return self.pool.wait_for_vm(name, state="running", host=host)

    def copies(self, name):
        return truth.copies(self.lab.hosts, name)

    def expect_one(self, name, host):
        """Exactly one domain of the guest exists anywhere; it executes, on this host; and the API says so."""
        found = self.copies(name)
        expect(len(found) == 1 and found[0].host == host and found[0].name == name and found[0].executes,
               f"{name} should execute on {host} and nowhere else, but Xen has {found}")
        self.pool.wait_for_vm(name, state="running", host=host)

    def expect_ticking(self, name):
        """The guest's counter moves on now, and was never seen to restart, jump back or run twice."""
        before = self.lab.ticks(name, 50)
        newest = max((tick.n for tick in before), default=-1)
        process.wait_until(lambda: any(tick.n > newest + 2 for tick in self.lab.ticks(name, 50)), 60,
                           f"{name}'s next ticks", interval=0.3)
        ticks = self.lab.ticks(name)
        wrong = guests.faults(ticks)
        expect(not wrong, f"{name}: {'; '.join(wrong)}")
        return ticks

    def destroy(self, name):
        self.api.act(name, "destroy")
        expect(not self.copies(name), f"{name} is still there after its destruction")


# --- one guest's life ------------------------------------------------------------------------------------------------


def pause_and_unpause(site):
    """create, pause (twice: once is enough), unpause, as xl sees them"""
    site.create("life")
    site.api.act("life", "pause")
    expect(site.copies("life")[0].flags[2] == "p", "xl does not show the guest paused")
    site.api.act("life", "pause")
    site.api.act("life", "unpause")
    site.expect_one("life", "h1")
    site.expect_ticking("life")
    site.destroy("life")


def save_for_xl_and_restore(site):
    """save; xl restore takes a copy of the file; restore goes on where the guest was"""
    uuid = site.create("still")["uuid"]
    boot = site.expect_ticking("still")[-1].boot
    site.api.act("still", "save")
    expect(not site.copies("still"), "a saved guest still has a domain")
    site.pool.wait_for_vm("still", state="saved", host="h1")
    host = site.lab["h1"]
    image = f"{SAVE_FOLDER}/{uuid}.save"
    expect(host.run(f"stat -c %a {image}").strip() == "600", "the save file can be read by others")
    host.run(f"cp {image} /root/copy.save && xl restore /root/copy.save && rm /root/copy.save", timeout=180)
    guests.wait_booted(host, "still")
    expect(site.lab.ticks("still", 3)[-1].boot == boot, "the guest that xl restored has booted again")
    host.run("xl destroy still")
    site.pool.wait_for_vm("still", state="saved")
    site.api.act("still", "restore")
    guests.wait_booted(host, "still")
    site.expect_one("still", "h1")
    expect(site.lab.ticks("still", 3)[-1].boot == boot, "the guest that we restored has booted again")
    expect(host.try_run(f"test -e {image}")[0] != 0, "the save file of a running guest is still there")
    site.destroy("still")


def adopt_what_xl_saved(site):
    """xl save; ballast-agent --adopt refuses a cut copy and takes the whole file; restore goes on where the guest was"""
    site.create("theirs")
    boot = site.expect_ticking("theirs")[-1].boot
    host = site.lab["h1"]
    folder = f"{SAVE_FOLDER}/.."
    host.run(f"xl save theirs {folder}/whole.img && head -c 20000000 {folder}/whole.img > {folder}/cut.img", timeout=180)
    status, said, _ = host.try_run(f"ballast-agent --adopt {folder}/cut.img 2>&1")
    expect(status != 0 and "cut" in said, f"a cut image was not refused: {said}")
    host.run(f"ballast-agent --adopt {folder}/whole.img && rm {folder}/cut.img")
    site.pool.wait_for_vm("theirs", state="saved", host="h1")
    site.api.act("theirs", "restore")
    guests.wait_booted(host, "theirs")
    site.expect_one("theirs", "h1")
    expect(site.expect_ticking("theirs")[-1].boot == boot, "the guest that xl saved has booted again")
    site.destroy("theirs")


def shutdown_and_start_again(site):
    """shutdown ends the guest in order and frees its memory; start brings it back from its definition"""
    site.create("again")
    first = site.expect_ticking("again")[-1].boot
    before = truth.free_mib(site.lab["h1"])
    site.api.act("again", "shutdown")
    expect(not site.copies("again"), "the guest is still there after its shutdown")
    expect(truth.free_mib(site.lab["h1"]) >= before + 90, "the guest's memory is not free again")
    site.pool.wait_for_vm("again", state="inactive")
    site.api.act("again", "start")
    vm = site.pool.wait_for_vm("again", state="running")
    guests.wait_booted(site.lab[vm["host"]], "again")
    process.wait_until(lambda: any(tick.boot != first for tick in site.lab.ticks("again", 3)), 60, "the ticks of a new boot",
                       interval=0.3)
    site.destroy("again")


def network_card_on_its_bridge(site):
    """a card comes to its bridge, by our program in the plain case and by Xen's script where hooks want to be called"""
    host = site.lab["h1"]
    marker, hook = "/run/lab-hooked", "/etc/xen/scripts/vif-post.d/lab.hook"
    site.create("carded")
    expect(_card(site, host, "carded")["script"].endswith("/ballast-vif-bridge"), "our program was not asked")
    record = host.run("xl list -l carded")
    expect('"script": "vif-bridge"' in record and "ballast-vif" not in record,
           "libxl's record of the guest names something other than Xen's script")
    site.destroy("carded")
    host.run(f"mkdir -p {hook.rsplit('/', 1)[0]}")
    host.put({hook: (f'echo "$command $dev" >> {marker}\n', 0o755)})
    site.create("hooked")
    _card(site, host, "hooked")
    domid = site.copies("hooked")[0].domid
    expect(f"online vif{domid}.0" in host.run(f"cat {marker}"), "the operator's hook was not called")
    host.run(f"rm {hook} {marker}")
    site.destroy("hooked")


def _card(site, host, name):
    """The nodes of a guest's card, which must be up on the bridge with the bridge's largest packet."""
    domid = site.copies(name)[0].domid
    backend = f"/local/domain/0/backend/vif/{domid}/0"
    nodes = {key: host.run(f"xenstore-read {backend}/{key}").strip() for key in ("script", "bridge", "hotplug-status")}
    mtu = host.run(f"cat /sys/class/net/{nodes['bridge']}/mtu").strip()
    link = host.run(f"ip -o link show vif{domid}.0")
    expect(f"master {nodes['bridge']}" in link and f"mtu {mtu}" in link and ",UP" in link and "fe:ff:ff:ff:ff:ff" in link,
           f"the card is not a port of its bridge: {link}")
    expect(nodes["hotplug-status"] == "connected", f"libxl was not told: {nodes}")
    expect(host.run(f"xenstore-read /local/domain/{domid}/device/vif/0/mtu").strip() == mtu,
           "the guest is not told how large packets may be")
    return nodes


def vnc_console_answers(site):
    """a guest with a VNC console answers RFB 003.008 at the endpoint that the API names"""
    site.create("screen", vnc={"listen": "127.0.0.1"})
    console = site.api.vm("screen")["console"]
    expect(console and console["protocol"] == "vnc", f"the API names no VNC console: {console}")
    banner = truth.rfb_banner(site.lab["h1"], console["host"], console["port"])
    expect(banner.startswith("RFB 003.008"), f"the console says {banner!r}")
    site.destroy("screen")


def actions_that_make_no_sense(site):
    """illegal actions are refused with what is allowed; nothing changes"""
    site.create("sane")
    site.api.act("sane", "pause")
    for verb, body in (("save", None), ("migrate", {"to": "h2"})):
        try:
            site.api.act("sane", verb, body)
        except ApiError as error:
            expect(error.status == 409 and "unpause" in error.problem.get("allowed_actions", []), f"{verb}: {error}")
        else:
            raise Mismatch(f"{verb} of a paused guest was not refused")
    expect(site.copies("sane")[0].flags[2] == "p", "the guest is not paused any more")
    site.api.act("sane", "unpause")
    site.expect_one("sane", "h1")
    site.destroy("sane")


# --- moving ----------------------------------------------------------------------------------------------------------


def live_migration_by_curl(site):
    """live migration with a disk that both hosts see; back again; the counter goes on, the disk is written on"""
    site.create("mover", disks=[{"format": "phy", "target": "/dev/san/0", "device": "xvda", "writable": True}])
    guests.tell(site.lab["h1"], "mover", "disk on")
    for source, destination in (("h1", "h2"), ("h2", "h1")):
        job = site.api.act("mover", "migrate", {"to": destination, "mode": "live"})
        site.expect_one("mover", destination)
        migration = job["migration"]
        expect(migration["from"] == source and migration["to"] == destination, f"the job says {migration}")
        expect(0 < migration["wire_bytes"] and 0 < migration["downtime_ms"] < 60000, f"the job says {migration}")
    ticks = site.expect_ticking("mover")
    expect(all(tick.disk == 0 for tick in ticks), "the guest's disk failed it")
    last = site.lab.san_read(0).decode(errors="replace")
    expect(f"boot={ticks[-1].boot}" in last, f"the disk holds {last[:80]!r}")
    site.destroy("mover")


def stop_and_copy_by_curl(site):
    """stop-and-copy where it is asked for"""
    site.create("sleeper")
    job = site.api.act("sleeper", "migrate", {"to": "h2", "mode": "stop_and_copy"})
    expect(job["migration"]["mode"] == "stop_and_copy", f"the job says {job['migration']}")
    site.expect_one("sleeper", "h2")
    site.expect_ticking("sleeper")
    site.destroy("sleeper")


def no_memory_at_the_destination(site):
    """a destination without memory: refused before anything moves, with the reason"""
    site.create("big")
    free = truth.free_mib(site.lab["h2"])
    site.create("filler", "h2", memory_mib=free - 100)
    try:
        site.api.act("big", "migrate", {"to": "h2"})
    except (ApiError, JobFailed) as error:
        expect("memory" in str(error), f"the refusal does not speak of memory: {error}")
    else:
        raise Mismatch("the guest was moved to a host without memory")
    site.expect_one("big", "h1")
    expect(not [copy for copy in site.copies("big") if copy.host == "h2"], "something was built on h2")
    site.expect_ticking("big")
    site.destroy("filler")
    site.destroy("big")


def overload_is_balanced(site):
    """overload on h1 -> the controller's own decision -> live migration -> h1 is below the critical load"""
    for name, percent in (("hot", 45), ("warm", 35)):
        site.create(name)
        guests.tell(site.lab["h1"], name, f"burn {percent}")
    site.pool.restart_controller(balance=True)
    try:
        moved = process.wait_until(lambda: next((name for name in ("hot", "warm") for copy in site.copies(name)
                                                 if copy.host == "h2" and copy.name == name and copy.executes), None),
                                   180, "a guest moved by the controller itself", interval=1)
        site.pool.wait_for_vm(moved, state="running", host="h2")
        site.expect_one(moved, "h2")
        jobs = site.api.get("/v1/jobs?kind=migrate")["jobs"]
        own = [job for job in jobs if job["vm"] == moved and job["origin"] == "balancing"]
        expect(own, f"no job of the controller's own making moved {moved}: {jobs}")
        site.expect_ticking(moved)
        # Moving guests is work for dom0 too, and the controller may find that the other has to go as well.
        process.wait_until(lambda: truth.cpu_cores(site.lab["h1"], 10) < 0.8, 180, "h1 below the critical load")
        process.wait_until(lambda: all(job.get("ended_at") for job in site.api.get("/v1/jobs?kind=migrate")["jobs"]), 120,
                           "the end of the controller's migrations", interval=1)
        expect(site.api.get("/v1/decisions")["decisions"], "no decision is on record")
    finally:
        site.pool.restart_controller(balance=False)
        site.pool.wait_for_hosts(["h1", "h2"])
    for name in ("hot", "warm"):
        site.destroy(name)
