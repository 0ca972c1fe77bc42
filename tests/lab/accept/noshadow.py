"""Scenarios on a hypervisor without shadow paging: PV guests cannot be migrated live there."""

from client import ApiError, JobFailed
from scenarios import Mismatch, expect


def live_is_refused(site):
    """PV live migration is refused with its reason, and nothing moves"""
    site.create("heavy")
    expect(site.api.vm("heavy")["can_live_migrate"] is False, "the API says that live migration works")
    try:
        site.api.act("heavy", "migrate", {"to": "h2", "mode": "live"})
    except (ApiError, JobFailed) as error:
        expect("live_migration_unavailable" in str(error) or "live" in str(error), f"no reason: {error}")
    else:
        raise Mismatch("a live migration was reported on a hypervisor that cannot")
    site.expect_one("heavy", "h1")
    site.expect_ticking("heavy")


def stop_and_copy_works(site):
    """stop-and-copy moves the guest, its counter goes on"""
    job = site.api.act("heavy", "migrate", {"to": "h2", "mode": "stop_and_copy"})
    expect(job["migration"]["mode"] == "stop_and_copy", f"the job says {job['migration']}")
    site.expect_one("heavy", "h2")
    site.expect_ticking("heavy")
    site.destroy("heavy")
