"""Who fails together, and why: one parent for a peer, a provider, a commune or a province."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from collector.incidents.acts import Decision, acted
from collector.incidents.grouping import RULES_OF, Standing, grouped, steps_of
from collector.incidents.incident import Cause, Group, Incident
from collector.incidents.reconcile import UPDATE_EVERY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROVIDERS, COMMUNES = ("VNPT", "Viettel"), ("Hữu Lũng", "Đồng Đăng", "Lộc Bình")


def province(peer: str = "langson-dc") -> list[Standing]:
    """Four sites of each of two providers in each of three communes."""
    return [
        Standing(
            f"s-{provider}-{place}-{n}".lower(), measured=True, peer=peer, provider=provider, commune=commune,
            province="Lạng Sơn",
        )
        for provider in PROVIDERS for place, commune in enumerate(COMMUNES) for n in range(4)
    ]  # fmt: skip


BEGAN = NOW - 11 * MINUTE


def failing(standings: list[Standing], *, began: datetime = BEGAN, **alike: str) -> list[Standing]:
    """All of these that are alike fail; one of them is decided already."""
    hit = [one for one in standings if all(getattr(one, name) == value for name, value in alike.items())]
    failed = {one.site: replace(one, since=began, decided=one is hit[0]) for one in hit}
    return [failed.get(one.site, one) for one in standings]


def only(cause: Cause, standings: list[Standing], parents: list[Incident] | None = None) -> Incident:
    (parent,) = grouped(cause, standings, parents or [], at=NOW).changes
    return parent


@pytest.mark.parametrize(
    ("alike", "cause", "group"),
    [
        ({}, "outage", Group("peer", "langson-dc")),
        ({"provider": "VNPT"}, "outage", Group("provider", "VNPT, Lạng Sơn")),
        ({"provider": "VNPT"}, "below_target", Group("provider", "VNPT, Lạng Sơn")),
        ({"commune": "Hữu Lũng"}, "silent", Group("commune", "Hữu Lũng, Lạng Sơn")),
        (
            {"commune": "Hữu Lũng", "provider": "Viettel"},
            "outage",
            Group("provider_commune", "Viettel, Hữu Lũng, Lạng Sơn"),
        ),
        ({}, "silent", Group("province", "Lạng Sơn")),  # who is not heard has no peer
    ],
)
def test_the_explanation_that_fits_is_the_parent(alike: dict[str, Any], cause: Cause, group: Group) -> None:
    standings = failing(province(), **alike)
    found = grouped(cause, standings, [], at=NOW)
    (parent,) = found.changes
    assert (parent.group, parent.site, parent.state) == (group, None, "open")
    assert parent.children == sorted(one.site for one in standings if one.since)
    assert found.inhibited == dict.fromkeys(parent.children, parent.id)
    assert parent.subject.isascii()
    assert len(parent.subject) <= 63
    assert parent.id == f"{parent.subject}.{cause}.20261122T114900000000Z"


def test_a_peers_parent_says_that_the_peer_may_be_the_fault() -> None:
    parent = only("outage", failing(province()))
    assert parent.summary.en == (
        "24 of 24 sites measured against the peer langson-dc reach nothing at the same time. "
        "The peer itself may be the fault, and not the sites."
    )
    assert "máy chủ đo" in parent.summary.vi
    assert parent.first_action is not None
    assert "peer first" in parent.first_action.en
    assert parent.severity == "critical"


def test_of_two_peers_only_the_one_that_is_away_is_blamed() -> None:
    other = [replace(one, site=f"o-{one.site}", peer="hanoi") for one in province()]
    parent = only("outage", failing([*province(), *other], peer="langson-dc"))
    assert parent.group == Group("peer", "langson-dc")


def test_two_troubles_at_once_have_two_parents() -> None:
    other = [replace(one, site=f"o-{one.site}", province="Bắc Giang", peer="bacgiang-dc") for one in province()]
    standings = failing([*failing(province(), commune="Hữu Lũng"), *other], province="Bắc Giang")
    found = grouped("outage", standings, [], at=NOW)
    groups = [parent.group for parent in found.changes]
    assert groups == [Group("peer", "bacgiang-dc"), Group("commune", "Hữu Lũng, Lạng Sơn")]


def test_what_is_too_few_too_little_or_not_decided_makes_no_parent() -> None:
    standings = failing(province(), commune="Hữu Lũng", provider="VNPT")
    assert grouped("outage", [replace(one, decided=False) for one in standings], [], at=NOW).changes == []
    two = [one if one.since is None or one.site[-1] in "01" else replace(one, since=None) for one in standings]
    assert grouped("outage", two, [], at=NOW).changes == []
    strangers = [replace(one, commune=f"c{place}", provider=f"p{place}") for place, one in enumerate(standings)]
    assert grouped("outage", strangers, [], at=NOW).changes == []  # 4 of 24 of a province


def test_what_was_not_measured_counts_for_nothing() -> None:
    standings = [replace(one, measured=one.since is not None) for one in failing(province(), commune="Hữu Lũng")]
    assert only("outage", standings).group == Group("peer", "langson-dc")  # all that is known fails
    assert grouped("outage", [replace(one, measured=False) for one in standings], [], at=NOW).changes == []


def test_older_trouble_stands_for_itself() -> None:
    old = NOW - RULES_OF["outage"].within - MINUTE
    assert grouped("outage", failing(province(), began=old), [], at=NOW).changes == []


def test_while_we_do_not_listen_nothing_is_grouped_and_nothing_ends() -> None:
    standings = failing(province())
    assert grouped("silent", standings, [], at=NOW, listening=False).changes == []
    parent = only("silent", standings)
    found = grouped("silent", province(), [parent], at=NOW, listening=False)
    assert found.changes == []
    assert found.inhibited == dict.fromkeys(parent.children, parent.id)


def test_a_parent_takes_in_what_fails_later_and_ends_with_most_of_it() -> None:
    part = [one if "-1-" in one.site else replace(one, since=None) for one in failing(province(), provider="VNPT")]
    parent = only("outage", [replace(one, decided=one.since is not None) for one in part])
    assert len(parent.children) == 4
    assert parent.group == Group("provider_commune", "VNPT, Đồng Đăng, Lạng Sơn")
    (other,) = [one for one in province() if one.site == "s-vnpt-1-0"]
    more = [*failing(part, site=other.site), replace(other, site="s-new", since=NOW)]
    found = grouped("outage", more, [parent], at=NOW)
    (grown,) = found.changes
    assert (grown.children, grown.history[-1].what) == ([*parent.children, "s-new"], "joined")
    assert found.inhibited["s-new"] == parent.id
    assert grouped("outage", more, [grown], at=NOW).changes == []
    still = [replace(one, since=None) if one.site != "s-new" else one for one in more]
    found = grouped("outage", still, [grown], at=NOW)
    assert [(one.id, one.state) for one in found.changes] == [(parent.id, "resolved")]
    assert found.inhibited == {}
    assert found.changes[0].history[-1].note == "1/5"


def test_that_it_has_doubled_is_told_once_a_day() -> None:
    parent = only("below_target", failing(province(), commune="Hữu Lũng"))
    known = msgspec.structs.replace(parent, children=parent.children[:2], evidence=parent.evidence | {"k": 2})
    standings = failing(province(), commune="Hữu Lũng")
    (grown,) = grouped("below_target", standings, [known], at=NOW).changes
    assert grown.history[-1].what == "joined"
    (told,) = grouped("below_target", standings, [known], at=parent.opened + UPDATE_EVERY).changes
    assert told.history[-1].what == "updated"
    assert "8 of 8 sites" in told.summary.en


def test_after_a_person_ended_it_the_same_trouble_is_grouped_no_more() -> None:
    standings = failing(province())
    ended = acted(only("silent", standings), Decision("resolve", "Lan"), NOW)
    found = grouped("silent", standings, [ended], at=NOW)
    assert found.changes == []
    later = failing(province(), began=NOW + MINUTE)
    assert only("silent", later, [ended]).group == ended.group


def test_a_persons_act_meanwhile_is_kept() -> None:
    standings = failing(province())
    parent = only("outage", standings)
    key = (parent.subject, parent.cause)
    assert steps_of([parent])[key]([]) == [parent]
    assert steps_of([parent])[key]([parent]) == []
    (ended,) = grouped("outage", province(), [parent], at=NOW).changes
    known = acted(parent, Decision("acknowledge", "Lan"), NOW)
    (kept,) = steps_of([ended])[key]([known])
    assert [step.what for step in kept.history] == ["opened", "acknowledged", "resolved"]
    assert steps_of([ended])[key]([acted(known, Decision("resolve", "Lan"), NOW)]) == []


def test_a_group_that_comes_back_soon_is_the_same_parent() -> None:
    parent = only("outage", failing(province()))
    (over,) = grouped("outage", province(), [parent], at=NOW).changes
    later = NOW + timedelta(hours=1)
    (again,) = grouped("outage", failing(province(), began=later), [over], at=later).changes
    assert (again.id, again.state, again.resolved, again.reopened) == (parent.id, "open", None, 1)
    assert again.history[-1].at == later
    key = (parent.subject, parent.cause)
    assert steps_of([again])[key]([over]) == [again]
    assert steps_of([again])[key]([parent]) == []  # another process has done it
    assert steps_of([again])[key]([acted(parent, Decision("resolve", "Lan"), NOW)]) == []
    much = NOW + timedelta(hours=3)
    (new,) = grouped("outage", failing(province(), began=much), [over], at=much).changes
    assert new.id != parent.id


def test_a_parent_whose_peer_was_renamed_ends_when_its_children_are_well_again() -> None:
    parent = only("outage", failing(province()))
    renamed = province("langson-dc2")
    (ended,) = grouped("outage", renamed, [parent], at=NOW + MINUTE).changes
    assert (ended.id, ended.state) == (parent.id, "resolved")
    still = failing(renamed)
    assert grouped("outage", still, [parent], at=NOW + MINUTE).changes == [], "still the same trouble, and the same"
    nobody = [replace(one, measured=False) for one in renamed]
    assert grouped("outage", nobody, [parent], at=NOW + MINUTE).changes == [], "silence ends nothing"
