# SPDX-License-Identifier: GPL-2.0-only
"""Whole negotiations, from session descriptions to judgements, as the page of verdicts defines them."""

from dataclasses import replace

import pytest
from scenes import CM_32, CM_80, F8, POLICY, Flow, Scene, crypto, message, session, table_4

from analyzer.errors import PolicyError
from analyzer.keying.mikey_refusals import read_refusal
from analyzer.model.call import Resolution, Side
from analyzer.model.evidence import SignallingMessage
from analyzer.model.keying import MacState
from analyzer.model.negotiation import CapabilityKind, Carrier, Choice, Preference, SelectionRule
from analyzer.negotiation.carriers.mikey_lines import select_messages
from analyzer.negotiation.compatibility import find_misfits
from analyzer.negotiation.inventory import Endpoint, Inventory, read_inventory
from analyzer.negotiation.knowledge import Knowledge, build_observations
from analyzer.negotiation.negotiate import negotiate
from dissectors.grammar.mikey import GenericIdEntry, SrtpIdEntry
from dissectors.grammar.mikey.priority_extension import EntryKind, Owner, PriorityEntry
from dissectors.grammar.sip import make_sip

PSK, PKE, DH = 0, 2, 4
RESPONSE = {PSK: 1, PKE: 3, DH: 5}
ALICE = [
    message(kind, (CM_80, CM_32), listed=table_4(Owner.INITIATOR), ids="mikey;mikey;mikey") for kind in (PSK, PKE, DH)
]


def paper_call(mode: int, suite: str, lines: list[str] | None = None, mac: bool | None = True) -> Scene:
    """Alice's offer of Table 4 and Bob's answer, which takes one mode and one suite."""
    answer = message(RESPONSE[mode], (suite,), listed=table_4(Owner.RESPONDER))
    return Scene(session(*(ALICE if lines is None else lines)), session(answer), mac)


def judged(negotiation) -> tuple:
    return tuple(one.holds for one in (negotiation.mutual, negotiation.undominated, negotiation.winner))


def test_table_4_gives_pke_and_the_short_tag() -> None:
    found = paper_call(PKE, CM_32).negotiate()
    assert found.expected[:4] == (SelectionRule.MIN_SUM, SelectionRule.MIN_SUM, "MIKEY-PKE", CM_32)
    assert found.chosen == Choice("MIKEY-PKE", CM_32)
    assert judged(found) == (True, True, True)
    assert found.reasons == ()
    winners = dict(found.winners)
    assert winners[SelectionRule.INITIATOR_FIRST] == Choice("MIKEY-PSK", CM_32)
    assert winners[SelectionRule.RESPONDER_FIRST] == winners[SelectionRule.MIN_MAX] == Choice("MIKEY-PKE", CM_32)
    explicit = [one for one in found.offer_preferences if one.carrier is Carrier.PRIORITY_EXTENSION]
    assert [one.name for one in explicit] == ["MIKEY-PSK", "MIKEY-PKE", "MIKEY-DH", CM_80, CM_32]
    assert all(one.authenticated for one in explicit)
    assert all(statement.agrees for statement in found.statements)


def test_a_dominated_choice_and_one_that_only_loses() -> None:
    assert paper_call(DH, CM_32).negotiate().reasons == ("dominated", "not-winner")
    found = paper_call(PSK, CM_32).negotiate()
    assert found.reasons == ("not-winner",)
    assert "min-sum" in found.winner.explanation
    assert "MIKEY-PKE" in found.winner.explanation


def test_a_choice_outside_the_responders_own_list() -> None:
    found = paper_call(PKE, CM_80).negotiate()
    assert found.mutual.holds is False
    assert "choice-not-in-responder-list" in found.reasons


def test_a_stripped_line_shows_in_the_list_of_protocols() -> None:
    found = paper_call(PKE, CM_32, ALICE[1:]).negotiate()
    assert "offer-stripped" in found.reasons
    assert {statement.agrees for statement in found.statements} == {False}
    assert {statement.source for statement in found.statements} == {None}


def test_a_copy_in_the_place_of_another_line_is_none_of_the_lines() -> None:
    psk, pke = (message(kind, (CM_80,), ids="mikey;mikey") for kind in (PSK, PKE))
    spelled_otherwise = f"{psk} PSK=0"
    for lines, reasons in (
        ((psk, pke), set()),
        ((psk, psk), {"offer-stripped"}),
        ((psk, spelled_otherwise), {"offer-stripped"}),
    ):
        found = Scene(session(*lines), session(message(1)), mac=True).negotiate()
        assert {"offer-stripped"} & set(found.reasons) == reasons
        assert all(statement.agrees is not bool(reasons) for statement in found.statements)


def test_the_priority_list_speaks_of_the_lines_where_no_protocol_list_is() -> None:
    lines = [message(kind, (CM_80, CM_32), listed=table_4(Owner.INITIATOR)) for kind in (PKE, DH)]
    found = paper_call(PKE, CM_32, lines).negotiate()
    assert found.reasons == ("offer-stripped",)
    assert found.statements[0].source is Carrier.PRIORITY_EXTENSION
    whole = [message(kind, (CM_80, CM_32), listed=table_4(Owner.INITIATOR)) for kind in (DH, PSK, PKE)]
    assert all(one.agrees for one in paper_call(PKE, CM_32, whole).negotiate().statements)


def test_lists_under_a_failed_mac_are_not_authenticated() -> None:
    found = paper_call(PKE, CM_32, mac=False).negotiate()
    assert {one.authenticated for one in found.offer_preferences} == {False}
    assert judged(found) == (True, True, True)


def test_repeated_lines_need_the_list_of_the_responder() -> None:
    lines = [message(kind, (CM_80,)) for kind in (PSK, PKE)]
    found = Scene(session(*lines), session(message(1))).negotiate()
    assert found.expected.rule is SelectionRule.MIN_SUM
    assert found.chosen == Choice("MIKEY-PSK", CM_80)
    assert judged(found) == (True, True, None)
    assert found.reasons == ("responder-list-unknown",)


def test_one_mode_and_one_policy_leave_nothing_open() -> None:
    found = Scene(session(message(PSK, (CM_80,))), session(message(1))).negotiate()
    assert found.expected[:4] == (SelectionRule.SINGLE, SelectionRule.SINGLE, "MIKEY-PSK", CM_80)
    assert judged(found) == (True, True, True)
    assert found.reasons == ()


def test_a_message_that_needs_no_answer_keys_the_line() -> None:
    found = Scene(session(message(PSK, (CM_80,), v=False)), session()).negotiate()
    assert found.chosen == Choice("MIKEY-PSK", CM_80)
    assert Scene(session(message(DH, (CM_80,))), session()).negotiate().chosen == Choice(None, None)
    either = session(message(PSK, (CM_80,), v=False), crypto(1, CM_80))
    assert Scene(either, session()).negotiate().chosen == Choice(None, None)


def test_plain_policies_bind_nobody() -> None:
    found = Scene(session(message(PSK, (CM_80, CM_32))), session(message(1, (CM_32,)))).negotiate()
    assert found.expected.suite_rule is SelectionRule.ANY_COMMON
    assert found.chosen == Choice("MIKEY-PSK", CM_32)
    assert judged(found) == (True, None, True)
    assert found.reasons == ("order-not-binding",)
    assert dict(found.winners)[SelectionRule.MIN_SUM].suite is None


def test_the_map_of_the_answer_names_the_policy() -> None:
    both = GenericIdEntry(1, 0, False, (1, 0), bytes(4), b"")
    offer = message(PSK, (CM_80, CM_32), sessions=(both,), map_type=2)
    answer = message(1, sessions=(SrtpIdEntry(1, 1, 7, 0),))
    found = Scene(session(offer), session(answer)).negotiate()
    suites = [(one.name, one.priority) for one in found.offer_preferences if one.carrier is Carrier.SP_ORDER]
    assert suites == [(CM_32, 0), (CM_80, 1)]
    assert found.chosen.suite == CM_32
    assert judged(found) == (True, True, True)
    silent = Scene(session(offer), session(message(1))).negotiate()
    assert silent.reasons == ("choice-unknown",)
    assert judged(silent) == (None, None, None)


def test_one_policy_for_each_crypto_session_is_no_order() -> None:
    sessions = (SrtpIdEntry(1, 0, 7, 0), SrtpIdEntry(2, 1, 8, 0))
    offer = message(PSK, (CM_80, CM_80), sessions=sessions)
    found = Scene(session(offer), session(message(1))).negotiate()
    assert {one.carrier for one in found.offer_preferences if one.kind == "suite"} == {Carrier.SP}
    assert found.expected.suite_rule is SelectionRule.SINGLE


def test_policies_in_an_error_message_are_the_responders_list() -> None:
    offer = session(message(PSK, (CM_80, CM_32)))
    found = Scene(offer, session(message(6, (CM_32, F8)))).negotiate()
    assert found.chosen == Choice(None, None)
    assert [(one.name, one.carrier) for one in found.answer_preferences] == [
        (CM_32, Carrier.MIKEY_ERROR),
        (F8, Carrier.MIKEY_ERROR),
    ]
    assert found.expected.suite_rule is SelectionRule.MIN_SUM
    assert found.expected.suite == CM_32


@pytest.mark.parametrize(
    ("tag", "suite", "expected", "reasons"),
    [
        (1, CM_80, (True, True, True), ()),
        (2, CM_32, (True, None, None), ("responder-list-unknown",)),
        (3, F8, (False, None, False), ("choice-not-offered", "not-winner")),
        (2, CM_80, (False, True, True), ("choice-not-offered",)),
    ],
)
def test_sdes(tag, suite, expected, reasons) -> None:
    found = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(tag, suite))).negotiate()
    assert judged(found) == expected
    assert found.reasons == reasons
    assert found.chosen == Choice("SDES", suite)
    assert found.expected.rule is SelectionRule.SINGLE
    assert found.expected.suite_rule is SelectionRule.INITIATOR_FIRST
    assert found.answer_preferences is None


def test_one_crypto_line_is_single() -> None:
    found = Scene(session(crypto(1, CM_32)), session(crypto(1, CM_32))).negotiate()
    assert found.expected[:4] == (SelectionRule.SINGLE, SelectionRule.SINGLE, "SDES", CM_32)
    assert dict(found.winners)[SelectionRule.MIN_SUM] == Choice("SDES", CM_32)
    assert [one.priority for one in found.offer_preferences] == [0, 0]


def test_the_policy_may_name_one_rule_for_everything() -> None:
    policy = replace(POLICY, selection_rule=SelectionRule.RESPONDER_FIRST)
    scene = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(1, CM_80)))
    assert scene.negotiate(policy).expected.suite_rule is SelectionRule.RESPONDER_FIRST
    assert scene.negotiate(policy).winner.holds is None


def test_between_attributes_of_one_line_there_is_no_order() -> None:
    offer = session(crypto(1, CM_80), "fingerprint:sha-256 00:11", message(PSK, (CM_80,)))
    found = Scene(offer, session(crypto(1, CM_80))).negotiate()
    methods = {one.name: one.priority for one in found.offer_preferences if one.kind == "key_agreement"}
    assert methods == {"SDES": None, "DTLS-SRTP": None, "MIKEY-PSK": None}
    assert found.expected.rule is SelectionRule.ANY_COMMON
    assert judged(found) == (True, True, True)
    assert found.reasons == ()


def test_potential_configurations_order_methods() -> None:
    offer = [
        *session(proto="RTP/AVP"),
        f"a=acap:1 {message(PSK, (CM_80,))}",
        f"a=acap:2 {crypto(1, CM_80)}",
        "a=tcap:1 RTP/SAVP",
        "a=pcfg:1 t=1 a=1",
        "a=pcfg:2 t=1 a=2",
    ]
    later = Scene(offer, session(crypto(1, CM_80), "acfg:2 t=1 a=2")).negotiate()
    methods = [(one.name, one.priority) for one in later.offer_preferences if one.kind == "key_agreement"]
    assert methods == [("MIKEY-PSK", 1), ("SDES", 2)]
    assert later.expected.rule is SelectionRule.INITIATOR_FIRST
    assert judged(later) == (True, None, None)
    first = Scene(offer, session(message(1), "acfg:1 t=1 a=1")).negotiate()
    assert first.chosen == Choice("MIKEY-PSK", CM_80)
    assert judged(first) == (True, True, True)


@pytest.mark.parametrize(
    ("tag", "bobs", "expected", "reasons"),
    [
        (1, {}, (True, True, True), ()),
        (2, {}, (True, None, None), ("responder-list-unknown",)),
        (2, {CM_32: 0, CM_80: 1}, (True, True, False), ("not-winner",)),
        (1, {CM_32: 0, CM_80: 1}, (True, True, True), ()),
    ],
)
def test_alternatives_of_one_configuration_stand_in_order(tag, bobs, expected, reasons) -> None:
    suites = (CM_80, CM_32)
    offer = session(
        *(f"acap:{number} {crypto(number, suite)}" for number, suite in enumerate(suites, 1)),
        "tcap:1 RTP/SAVP",
        "pcfg:1 t=1 a=1|2",
        proto="RTP/AVP",
    )
    listed = tuple(Preference(CapabilityKind.SUITE, *entry, Carrier.INVENTORY, True, None) for entry in bobs.items())
    known = Knowledge(Inventory((Endpoint("sip:bob@example.com", listed),) if listed else ()))
    answer = session(crypto(tag, suites[tag - 1]), f"acfg:1 t=1 a={tag}")
    found = Scene(offer, answer).negotiate(knowledge=known)
    assert [one.priority for one in found.offer_preferences if one.kind is CapabilityKind.SUITE] == [1, 2]
    assert found.expected.suite_rule is SelectionRule.INITIATOR_FIRST
    assert (judged(found), found.reasons) == (expected, reasons)


def test_attributes_of_the_only_configuration_have_no_order() -> None:
    capabilities = f"acap:1 {message(PSK, (CM_80,))}", f"acap:2 {crypto(1, CM_80)}"
    for answer in (message(1), crypto(1, CM_80)):
        offer = session(*capabilities, "tcap:1 RTP/SAVP", "pcfg:1 t=1 a=1,2", proto="RTP/AVP")
        found = Scene(offer, session(answer, "acfg:1 t=1 a=1,2")).negotiate()
        assert found.expected.rule is SelectionRule.ANY_COMMON
        assert (judged(found), found.reasons) == ((True, True, True), ())


@pytest.mark.parametrize(
    ("configurations", "chosen", "bobs", "priorities", "expected", "reasons"),
    [
        (("1 t=1 a=1,2",), 1, (), (1, 2), (True, True), ()),
        (("1 t=1 a=1,2",), 3, (), (1, 2), (None, None), ("responder-list-unknown",)),
        (("1 t=1 a=2,1",), 3, (), (2, 1), (True, True), ()),
        (("1 t=1 a=1,2",), 3, ("MIKEY-PSK", "MIKEY-PKE"), (1, 2), (False, False), ("dominated", "not-winner")),
        (("1 t=1 a=1,2",), 3, ("MIKEY-PKE", "MIKEY-PSK"), (1, 2), (True, False), ("not-winner",)),
        (("1 t=1 a=1,2", "2 t=1"), 1, (), (1, 2), (True, True), ()),
        (("1 t=1 a=1,2,3",), 3, (), (None, None), (True, True), ()),  # beside another attribute nothing is in order
    ],
)
def test_mikey_lines_of_one_configuration_are_in_its_order(
    configurations, chosen, bobs, priorities, expected, reasons
) -> None:
    """They are added in the order of the configuration, as other lines of one attribute are (RFC 5939 §3.6.2)."""
    capabilities = (message(PSK, (CM_80,)), message(PKE, (CM_80,)), crypto(1, CM_80))
    offer = session(
        *(f"acap:{number} {one}" for number, one in enumerate(capabilities, 1)),
        "tcap:1 RTP/SAVP",
        *(f"pcfg:{one}" for one in configurations),
        proto="RTP/AVP",
    )
    listed = tuple(Preference(AGREEMENT, name, place, Carrier.INVENTORY, True, None) for place, name in enumerate(bobs))
    known = Knowledge(Inventory((Endpoint("sip:bob@example.com", listed),) if listed else ()))
    found = Scene(offer, session(message(chosen), "acfg:1 t=1")).negotiate(knowledge=known)
    numbers = {one.name: one.priority for one in found.offer_preferences if one.kind is AGREEMENT}
    assert (numbers["MIKEY-PSK"], numbers["MIKEY-PKE"]) == priorities
    assert (judged(found), found.reasons) == ((True, *expected), reasons)


SHARED = [
    *session(proto="RTP/AVP"),
    f"a=acap:1 {message(PSK, (CM_80,))}",
    f"a=acap:2 {crypto(1, CM_80)}",
    "a=acap:3 fingerprint:sha-256 00:11",
    "a=tcap:1 RTP/SAVP UDP/TLS/RTP/SAVP",
    "a=pcfg:1 t=1 a=1,2",
    "a=pcfg:2 t=2 a=3",
]
PSK_TAKEN, SDES_TAKEN = (session(one, "acfg:1 t=1 a=1,2") for one in (message(1), crypto(1, CM_80)))
DTLS_TAKEN = session("fingerprint:sha-256 22:33", "acfg:2 t=2 a=3")
AGREEMENT = CapabilityKind.KEY_AGREEMENT


@pytest.mark.parametrize(
    ("answer", "bobs", "expected", "reasons"),
    [
        (PSK_TAKEN, {}, (True, True), ()),
        (SDES_TAKEN, {}, (True, True), ()),
        (DTLS_TAKEN, {}, (None, None), ("responder-list-unknown",)),
        (PSK_TAKEN, {"SDES": 0, "MIKEY-PSK": 1, "DTLS-SRTP": 2}, (True, True), ()),
        (SDES_TAKEN, {"MIKEY-PSK": 0, "SDES": 1, "DTLS-SRTP": 2}, (True, True), ()),
        (DTLS_TAKEN, {"DTLS-SRTP": 0, "SDES": 1}, (True, False), ("not-winner",)),
        (DTLS_TAKEN, {"SDES": 0, "DTLS-SRTP": 1}, (False, False), ("dominated", "not-winner")),
        (DTLS_TAKEN, {"DTLS-SRTP": 0}, (True, True), ()),
    ],
)
def test_of_those_in_the_best_of_several_configurations_any_conforms(answer, bobs, expected, reasons) -> None:
    """Between the attributes of one configuration there is no order; the configurations themselves have one."""
    listed = tuple(Preference(AGREEMENT, *entry, Carrier.INVENTORY, True, None) for entry in bobs.items())
    known = Knowledge(Inventory((Endpoint("sip:bob@example.com", listed),) if listed else ()))
    found = Scene(SHARED, answer).negotiate(knowledge=known)
    methods = {one.name: one.priority for one in found.offer_preferences if one.kind is AGREEMENT}
    assert methods == {"MIKEY-PSK": 1, "SDES": 1, "DTLS-SRTP": 2}
    assert found.expected.rule is SelectionRule.INITIATOR_FIRST
    suite_unknown = found.chosen.suite is None  # no handshake was seen
    if not suite_unknown:
        assert judged(found) == (True, *expected)
        assert found.expected.key_agreement == found.chosen.key_agreement
    assert [one for one in found.reasons if one != "choice-unknown"] == list(reasons)


def listed(owner: Owner, numbers: dict[str, int]) -> tuple:
    return owner, [PriorityEntry(EntryKind.SUITE_BY_NAME, number, name.encode()) for name, number in numbers.items()]


@pytest.mark.parametrize(
    ("answered", "chosen", "expected", "reasons"),
    [
        ({CM_80: 0, CM_32: 1, F8: 2}, 0, (True, True), ()),
        ({F8: 0, CM_80: 1}, 0, (None, None), ("priority-unknown",)),
        ({CM_80: 0, CM_32: 1, F8: 2}, 1, (False, False), ("dominated", "not-winner")),
        ({F8: 0, CM_80: 1}, 2, (True, None), ("priority-unknown",)),
        ({CM_80: 0, F8: 1}, 2, (False, False), ("dominated", "not-winner")),
        ({CM_80: 0, CM_32: 1}, 0, (True, True), ()),  # nobody asks for the number of what is not common
    ],
)
def test_a_number_that_the_list_of_the_offer_lacks(answered, chosen, expected, reasons) -> None:
    """Alice offers F8 without a number: what every number of it would give is said, and no more."""
    suites = (CM_80, CM_32, F8)
    offer = session(message(PSK, suites, listed=listed(Owner.INITIATOR, {CM_80: 0, CM_32: 1})))
    answer = session(message(1, (suites[chosen],), listed=listed(Owner.RESPONDER, answered)))
    found = Scene(offer, answer, mac=True).negotiate()
    assert found.expected.suite_rule is SelectionRule.MIN_SUM
    assert judged(found) == (True, *expected)
    assert found.reasons == reasons
    if None in expected:
        assert found.winner.missing == "offer-preferences"
        assert f"the priority of {F8}" in found.winner.explanation


def test_a_number_that_two_suites_share_in_a_list_compares_them() -> None:
    """Other than the number of a configuration, which is of the whole."""
    offer = session(message(PSK, (CM_80, CM_32), listed=listed(Owner.INITIATOR, {CM_80: 0, CM_32: 0})))
    answer = session(message(1, (CM_32,), listed=listed(Owner.RESPONDER, {CM_80: 0, CM_32: 1})))
    assert Scene(offer, answer, mac=True).negotiate().reasons == ("dominated", "not-winner")


def test_a_number_that_the_list_of_the_answer_has_twice() -> None:
    def found(first: int, second: int):
        answer = listed(Owner.RESPONDER, {CM_80: 0, CM_32: first})
        answer[1].append(PriorityEntry(EntryKind.SUITE_BY_NAME, second, CM_32.encode()))
        offer = session(message(PSK, (CM_80, CM_32), listed=listed(Owner.INITIATOR, {CM_32: 0, CM_80: 1})))
        return Scene(offer, session(message(1, (CM_80,), listed=answer)), mac=True).negotiate()

    assert judged(found(1, 1)) == (True, True, True)  # a tie, and Bob's number is better
    unclear = found(1, 2)
    assert (judged(unclear), unclear.reasons) == ((True, None, None), ("priority-unknown",))
    assert unclear.winner.missing == "answer-preferences"
    assert {one.code for one in unclear.defects} == {"priority-repeated"}


def test_numbers_beside_policies_in_order_need_the_list_of_the_responder() -> None:
    offer = session(f"{message(PSK, (CM_80, CM_32))} {CM_80}=0 {CM_32}=1")
    found = Scene(offer, session(message(1, (CM_80,)))).negotiate()
    assert found.expected.suite_rule is SelectionRule.MIN_SUM
    assert judged(found) == (True, True, None)
    assert found.reasons == ("responder-list-unknown",)


def test_an_answer_names_attributes_of_the_configuration_that_it_names() -> None:
    messages = [message(kind, (CM_80,)) for kind in (PSK, PKE)]
    offer = session(*(f"acap:{n} {one}" for n, one in enumerate(messages, 1)), "pcfg:1 a=1", "pcfg:2 a=2")
    for acfg, misfits in (("2 a=2", 0), ("1 a=2", 1), ("3 a=2", 1)):
        scene = Scene(offer, session(message(3), f"acfg:{acfg}"))
        offered, answered = (select_messages(scene.keying.mikey, side) for side in (Side.OFFERER, Side.ANSWERER))
        assert len(find_misfits(scene.line, offered, answered, "MIKEY-PKE")) == misfits


def test_numbers_written_behind_the_message_count_as_a_list() -> None:
    offer = session(f"{message(PSK, (CM_80,))} PSK=1 PKE=0 AES_F8_128_HMAC_SHA1_80=0 {CM_80}:1")
    found = Scene(offer, session(f"{message(1)} PSK=0 PKE=1")).negotiate()
    free = [(one.name, one.priority) for one in found.offer_preferences if one.carrier is Carrier.FREE_TEXT]
    assert free == [("MIKEY-PSK", 1), ("MIKEY-PKE", 0), (F8, 0), (CM_80, 1)]
    assert found.expected.rule is SelectionRule.MIN_SUM
    assert found.expected.tie == ("MIKEY-PSK", "MIKEY-PKE")
    assert found.expected.key_agreement == "MIKEY-PSK"


def test_odd_numbers_are_defects_and_decide_nothing() -> None:
    offer = session(f"{message(PSK, (CM_80,))} PSK=-1 PKE=0 PKE=3")
    found = Scene(offer, session(f"{message(1)} PSK=0 PKE=1")).negotiate()
    assert {defect.code for defect in found.defects} == {"priority-negative", "priority-repeated"}
    assert found.winner.holds is None


def test_the_media_level_overrides_the_session() -> None:
    own = session(message(PKE, (CM_80,)), level=(message(PSK, (CM_80,)),))
    found = Scene(own, session(message(3))).negotiate()
    assert [one.name for one in found.offer_preferences if one.kind == "key_agreement"] == ["MIKEY-PKE"]


def test_plain_rtp_has_nothing_to_judge() -> None:
    found = Scene(session(proto="RTP/AVP"), session(proto="RTP/AVP")).negotiate()
    assert found.offer_preferences == ()
    assert not found.mutual.applies
    assert [rule for rule, _ in found.winners] == list(dict(found.winners))


def test_refused_lines_have_no_choice() -> None:
    offer = session(crypto(1, CM_80))
    assert Scene(offer, session(port=0)).negotiate().chosen == Choice(None, None)
    rejected = Scene(offer, None, resolution=Resolution.REJECTED).negotiate()
    assert not rejected.winner.applies
    assert rejected.expected.suite is None


def test_an_unseen_offer_leaves_the_choice_open() -> None:
    found = Scene(None, session(crypto(1, CM_80)), resolution=Resolution.OFFER_UNSEEN).negotiate()
    assert found.chosen == Choice("SDES", CM_80)
    assert judged(found) == (None, None, None)
    assert found.reasons == ("signalling-unseen",)


def test_an_observed_list_decides_what_the_answer_leaves_open() -> None:
    scene = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(2, CM_32)))
    other = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), None, swapped=True, start_ns=10, frame=11)
    knowledge = Knowledge(observed=lambda: build_observations([scene.call, other.call]))
    found = scene.negotiate(knowledge=knowledge)
    assert {one.carrier for one in found.answer_preferences} == {Carrier.OBSERVED}
    assert judged(found) == (True, False, False)
    only_short = Scene(session(crypto(1, CM_32)), None, swapped=True, frame=11)
    knowledge = Knowledge(observed=lambda: build_observations([only_short.call]))
    assert judged(scene.negotiate(knowledge=knowledge)) == (True, True, True)


INVENTORY = """
[[endpoint]]
id = "sip:bob@example.com"
key_agreements = {"MIKEY-PKE" = 0, "MIKEY-DH" = 1, "MIKEY-PSK" = 2}

[[endpoint]]  # Alice
id = "192.0.2.1"
suites = {"AES_F8_128_HMAC_SHA1_80" = 0}
"""


def test_an_inventory_completes_the_responder_and_doubts_the_offer(tmp_path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text(INVENTORY)
    inventory = read_inventory(path)
    assert [one.name for one in inventory.endpoints[1].preferences] == [F8]
    lines = [message(kind, (CM_80,)) for kind in (PSK, PKE)]
    found = Scene(session(*lines), session(message(3))).negotiate(knowledge=Knowledge(inventory))
    assert judged(found) == (True, True, True)
    assert found.expected.key_agreement == "MIKEY-PKE"
    assert {one.carrier for one in found.answer_preferences} == {Carrier.INVENTORY}
    assert found.reasons == ("offer-differs-from-inventory",)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[[endpoint]]\nid = "x"\n\n[[endpoint]]\nsuits = {}\n', 4, "suits"),
        ('[[endpoint]]\nid = "x"\nsuites = {"A" = -1}\n', 1, "number from 0"),
        ("[[endpoint]]\nsuites = {}\n", 1, "id"),
        ('[[endpoint]]\nid = "x\n', 2, ""),
        ('[[endpoint]]\nid = "x"\nkey_agreements = {MIKEY_PKE = 0}\n', 1, "'MIKEY_PKE' is no key agreement"),
        ('[[endpoint]]\nid = "x"\nkey_agreements = {PKE = 0, MIKEY-PKE = 1}\n', 1, "twice"),
        ('\n[[endpoint]]\nid = "x"\nsuites = {AES_F8_128_HMAC_SHA1_80 = 0, F8_128_HMAC_SHA1_80 = 1}\n', 2, "twice"),
    ],
)
def test_a_bad_inventory_is_refused_with_its_line(tmp_path, text, line, what) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        read_inventory(path)
    assert f"inventory.toml:{line}:" in str(caught.value)
    assert what in str(caught.value)


def test_an_inventory_names_key_agreements_as_people_do(tmp_path) -> None:
    path = tmp_path / "inventory.toml"
    lists = (
        'key_agreements = {psk = 0, "MIKEY-PKE" = 1, sdes = 2}\nsuites = {AES_CM_80 = 0, AES_CM_128_HMAC_SHA1_80 = 1}'
    )
    path.write_text(f'[[endpoint]]\nid = "x"\n{lists}\n')
    inventory = read_inventory(path)
    names = [one.name for one in inventory.endpoints[0].preferences if one.kind is CapabilityKind.KEY_AGREEMENT]
    assert names == ["MIKEY-PSK", "MIKEY-PKE", "SDES"]
    assert inventory.unregistered == ("AES_CM_80",)


def test_the_list_of_an_earlier_refusal_counts() -> None:
    refusing = session(message(6, (CM_32,)))
    body = ("\r\n".join(refusing) + "\r\n").encode()
    sip = make_sip("SIP/2.0 488 Not Acceptable Here", [("Content-Type", "application/sdp")], body)
    final = SignallingMessage(0, 5, 5, "192.0.2.2:5060", "192.0.2.1:5060", "UDP", sip)
    scene = Scene(session(message(PSK, (CM_80, CM_32))), session(message(1, (CM_32,))))
    first = scene.line.exchange._replace(answer=None, resolution=Resolution.REJECTED, final=final)
    line = replace(scene.line, exchange=scene.line.exchange._replace(number=1))
    call = replace(scene.call, exchanges=(first, line.exchange))
    refusals = read_refusal(first, 0)
    found = negotiate(line, replace(scene.keying, refusals=refusals), POLICY, Knowledge(), call)
    assert [(one.name, one.carrier, one.authenticated) for one in found.answer_preferences] == [
        (CM_32, Carrier.MIKEY_ERROR, False)
    ]
    proved = tuple(replace(one, mac=MacState(True, "V verifies")) for one in refusals)
    again = negotiate(line, replace(scene.keying, refusals=proved), POLICY, Knowledge(), call)
    assert [one.authenticated for one in again.answer_preferences] == [True]
    assert found.expected.suite_rule is SelectionRule.MIN_SUM
    assert judged(found) == (True, True, True)


def test_calls_with_the_same_lines_differ_in_their_frames_only() -> None:
    offer, answer = session(crypto(1, CM_80)), session(crypto(1, CM_80))
    first, second = Scene(offer, answer), Scene(offer, answer, frame=40)
    assert {one.ref.frame for one in first.negotiate().offer_preferences} == {1}
    assert {one.ref.frame for one in second.negotiate().offer_preferences} == {40}
    stronger = replace(POLICY, selection_rule=SelectionRule.MIN_MAX)
    assert second.negotiate(stronger).expected.suite_rule is SelectionRule.MIN_MAX
    assert replace(first, answer=session(port=0)).negotiate().chosen == Choice(None, None)


def test_alternative_lines_of_one_medium_stand_in_their_order() -> None:
    second = ["m=audio 4002 RTP/AVP 0", "a=zrtp-hash:1.10 00"]
    offer = [*session(crypto(1, CM_80)), *second]
    answer = [*session(port=0), "m=audio 5002 RTP/AVP 0", "a=zrtp-hash:1.10 11"]
    found = Scene(offer, answer, index=1).negotiate()
    methods = [(one.name, one.priority) for one in found.offer_preferences if one.carrier is Carrier.PROFILE_ORDER]
    assert methods == [("SDES", 0), ("ZRTP", 1)]
    assert found.expected.rule is SelectionRule.ANY_COMMON
    assert "order-not-binding" in found.reasons
    accepted = Scene(offer, [*session(crypto(1, CM_80)), *answer[-2:]], index=1).negotiate()
    assert not [one for one in accepted.offer_preferences if one.carrier is Carrier.PROFILE_ORDER]


def client_hello(*profiles: int) -> bytes:
    listed = b"".join(profile.to_bytes(2, "big") for profile in profiles)
    data = len(listed).to_bytes(2, "big") + listed + b"\0"
    extension = (14).to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
    tail = len(extension).to_bytes(2, "big") + extension
    return handshake(1, bytes((254, 253)) + bytes(32) + b"\0\0" + b"\0\2\xc0\x2b" + b"\1\0" + tail)


def server_hello(profile: int) -> bytes:
    extension = bytes((0, 14, 0, 5, 0, 2)) + profile.to_bytes(2, "big") + b"\0"
    tail = len(extension).to_bytes(2, "big") + extension
    return handshake(2, bytes((254, 253)) + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0" + tail)


def handshake(kind: int, body: bytes) -> bytes:
    size = len(body).to_bytes(3, "big")
    message = bytes((kind,)) + size + b"\0\0" + b"\0\0\0" + size + body
    return b"\x16\xfe\xfd" + bytes(8) + len(message).to_bytes(2, "big") + message


def flow(source: str, destination: str, *datagrams: bytes) -> Flow:
    return Flow(0, source, destination, tuple(range(50, 50 + len(datagrams))), (), datagrams)


@pytest.mark.parametrize("client", ["192.0.2.1:4000", "192.0.2.2:4000"])
def test_the_profiles_of_a_dtls_client_bind_nobody(client) -> None:
    server = "192.0.2.2:4000" if client == "192.0.2.1:4000" else "192.0.2.1:4000"
    lines = session("fingerprint:sha-256 00:11", proto="UDP/TLS/RTP/SAVP")
    scene = Scene(lines, lines)
    flows = (flow(client, server, b"\x16\xfe", client_hello(1, 2, 7)), flow(server, client, server_hello(2)))
    found = negotiate(replace(scene.line, dtls=flows), scene.keying, POLICY, Knowledge(), scene.call)
    assert found.chosen == Choice("DTLS-SRTP", CM_32)
    assert (found.expected.rule, found.expected.suite_rule) == (SelectionRule.SINGLE, SelectionRule.ANY_COMMON)
    assert judged(found) == (True, None, True)
    assert found.reasons == ("order-not-binding",)
    listed = found.offer_preferences if client.startswith("192.0.2.1") else found.answer_preferences
    suites = [(one.name, one.priority) for one in listed if one.carrier is Carrier.DTLS_USE_SRTP]
    assert suites == [(CM_80, 0), (CM_32, 1), ("AEAD_AES_128_GCM", 2)]
    outside = (flow(client, server, client_hello(1)), flow(server, client, server_hello(2)))
    wrong = negotiate(replace(scene.line, dtls=outside), scene.keying, POLICY, Knowledge(), scene.call)
    assert wrong.mutual.holds is False


@pytest.mark.parametrize("stray", ["rtcp=1", "foo:0", "AES_99=2"])
def test_a_token_that_names_nothing_known_is_no_list(stray) -> None:
    """A parameter of somebody's behind the message says nothing of what its sender can do."""
    for offer, answer in (
        (f"{message(PSK, (CM_80,))} {stray}", message(1)),
        (message(PSK, (CM_80,)), f"{message(1)} {stray}"),
    ):
        found = Scene(session(offer), session(answer)).negotiate()
        assert (judged(found), found.reasons, found.answer_preferences) == ((True, True, True), (), None)


def test_of_two_messages_of_one_mode_the_csb_id_tells_which_was_answered() -> None:
    offer = session(message(PSK, (CM_80,), csb_id=7), message(PSK, (CM_32,), csb_id=8))
    for csb_id, suite in ((7, CM_80), (8, CM_32), (9, None)):
        assert Scene(offer, session(message(1, csb_id=csb_id))).negotiate().chosen == Choice("MIKEY-PSK", suite)


@pytest.mark.parametrize(
    ("taken", "own", "chosen"),
    [((), (), None), (("acfg:1 t=1 a=1",), (), "MIKEY-PSK"), ((), (message(PSK, (CM_80,), v=False),), "MIKEY-PSK")],
)
def test_an_answer_without_acfg_takes_the_actual_configuration(taken, own, chosen) -> None:
    """A message that needs no response holds only where its configuration was taken."""
    capability = message(PSK, (CM_80,), v=False)
    offer = session(f"acap:1 {capability}", "tcap:1 RTP/SAVP", "pcfg:1 t=1 a=1", *own, proto="RTP/AVP")
    assert Scene(offer, session(*taken, proto="RTP/AVP")).negotiate().chosen.key_agreement == chosen


@pytest.mark.parametrize("proto", ["RTP/AVP", "RTP/SAVP"])
def test_keying_that_is_answered_to_an_offer_without_any_was_not_offered(proto) -> None:
    found = Scene(session(proto=proto), session(crypto(1, CM_80), proto=proto)).negotiate()
    assert (judged(found), found.reasons) == ((False, None, False), ("choice-not-offered", "not-winner"))
    assert found.mutual.explanation == "SDES is not in the offer."
    assert found.winner.explanation == "SDES was chosen, and nothing was offered."
    twin = Scene(session(crypto(1, CM_80), proto=proto), session(crypto(1, CM_80), proto=proto)).negotiate()
    assert (judged(twin), twin.reasons) == ((True, True, True), ())


def test_suites_of_a_method_that_was_not_offered_were_not_offered_either() -> None:
    """As baresip answers an offer of ZRTP alone."""
    offer = session("zrtp-hash:1.10 " + "45" * 32, proto="RTP/AVP")
    found = Scene(offer, session(crypto(1, CM_80), proto="RTP/AVP")).negotiate()
    assert (judged(found), found.reasons) == ((False, None, False), ("choice-not-offered", "not-winner"))


def test_a_line_that_cant_be_read_may_be_what_was_taken() -> None:
    """The answer is of a mode that no readable line has: whether it was offered, nobody can say."""
    unreadable = "key-mgmt:mikey AQIFAA=="
    found = Scene(session(message(PSK, (CM_80,)), unreadable), session(message(3))).negotiate()
    assert (judged(found), found.reasons) == ((None, None, None), ("offer-unreadable",))
    assert found.mutual.missing == "offer-preferences"
    assert Scene(session(message(PSK, (CM_80,))), session(message(3))).negotiate().mutual.holds is False
    assert Scene(session(message(PSK, (CM_80,)), unreadable), session(message(1))).negotiate().mutual.holds is True


CLEAR, CLEAR_RTCP = "UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP"


@pytest.mark.parametrize(
    ("offered", "taken", "winner", "reasons"),
    [
        (("", CLEAR), 2, False, ("not-winner",)),  # what has no parameters asks for nothing more
        ((CLEAR_RTCP, f"{CLEAR} {CLEAR_RTCP}"), 2, False, ("not-winner",)),
        ((CLEAR, ""), 2, None, ("responder-list-unknown",)),  # nobody knows whether Bob would send in the clear
        ((f"KDR=5 {CLEAR_RTCP}", CLEAR), 2, None, ("responder-list-unknown",)),
        (("KDR=5", CLEAR), 2, None, ("responder-list-unknown",)),
        (("", CLEAR), 1, True, ()),
        (("", ""), 2, True, ()),  # the same in every respect but its key
        (("KDR=5", "WSH=64"), 2, True, ()),  # what each side declares of itself
    ],
)
def test_a_line_of_the_same_suite_that_stands_before_the_accepted_one(offered, taken, winner, reasons) -> None:
    lines = [f"{crypto(tag, CM_80)} {parameters}".rstrip() for tag, parameters in enumerate(offered, 1)]
    found = Scene(session(*lines), session(lines[taken - 1])).negotiate()
    assert (found.mutual.holds, found.winner.holds, found.reasons) == (True, winner, reasons)
    assert found.expected.suite == CM_80
    if winner is not True:
        assert found.expected.suite_rule is SelectionRule.INITIATOR_FIRST
        assert "line 2" in found.winner.explanation


def test_configurations_and_not_their_lines_order_capabilities() -> None:
    lines = [f"acap:{tag} {crypto(tag, CM_80)}{rest}" for tag, rest in ((1, ""), (2, f" {CLEAR}"))]
    offer = session(*lines, "tcap:1 RTP/SAVP", "pcfg:1 t=1 a=2", "pcfg:2 t=1 a=1", proto="RTP/AVP")
    found = Scene(offer, session(f"{crypto(2, CM_80)} {CLEAR}", "acfg:1 t=1 a=2")).negotiate()
    assert (judged(found), found.reasons) == ((True, True, True), ())


@pytest.mark.parametrize(("added", "offered"), [(CLEAR, False), ("KDR=5", True), ("WSH=64", True)])
def test_an_answer_adds_no_parameter_that_both_must_agree_on(added, offered) -> None:
    found = Scene(session(crypto(1, CM_80)), session(f"{crypto(1, CM_80)} {added}")).negotiate()
    assert found.mutual.holds is offered
    assert found.reasons == (() if offered else ("choice-not-offered",))


def test_calls_that_differ_in_parameters_alone_are_judged_apart() -> None:
    for added, reasons in (("", ()), (f" {CLEAR}", ("choice-not-offered",)), ("", ())):
        assert Scene(session(crypto(1, CM_80)), session(crypto(1, CM_80) + added)).negotiate().reasons == reasons


@pytest.mark.parametrize(
    ("entry", "mutual", "winner"),
    [
        (PriorityEntry(EntryKind.SUITE_BY_POLICY, 0, b"\5"), True, None),  # a policy that the answer does not have
        (PriorityEntry(9, 0, CM_32.encode()), True, None),
        (PriorityEntry(EntryKind.KEY_AGREEMENT, 0, b"\xc8"), False, False),  # a mode nobody knows is no suite
        (PriorityEntry(EntryKind.SUITE_BY_NAME, 0, b"OTHER"), False, False),
    ],
)
def test_an_entry_that_cant_be_read_may_name_the_choice(entry, mutual, winner) -> None:
    """So the list that the responder sent does not contradict it."""
    owner, entries = listed(Owner.RESPONDER, {CM_80: 1})
    offer = session(message(PSK, (CM_80, CM_32), listed=listed(Owner.INITIATOR, {CM_80: 0, CM_32: 1})))
    answer = session(message(1, (CM_32,), listed=(owner, [*entries, entry])))
    found = Scene(offer, answer, mac=True).negotiate()
    assert (found.mutual.holds, found.winner.holds) == (mutual, winner)
    assert found.expected.suite_rule is SelectionRule.MIN_SUM


@pytest.mark.parametrize(
    ("configurations", "mutual"),
    [
        (("1 t=1 a=3,[1|2]", "2 t=1 a=2"), None),  # no list of attributes by RFC 5939 §3.5.1
        (("x t=1 a=3", "2 t=1 a=2"), None),
        (("1 t=1 a=9", "2 t=1 a=2"), None),  # an attribute that was not seen
        (("1 t=1 a=1", "2 t=1 a=2"), False),
        (("1 t=1 a=3", "2 t=1 a=2"), True),
    ],
)
def test_a_configuration_that_cant_be_read_may_be_the_one_that_was_taken(configurations, mutual) -> None:
    capabilities = (message(PSK, (CM_80,)), message(PKE, (CM_80,)), crypto(1, CM_80))
    offer = session(
        *(f"acap:{number} {one}" for number, one in enumerate(capabilities, 1)),
        "tcap:1 RTP/SAVP",
        *(f"pcfg:{one}" for one in configurations),
        proto="RTP/AVP",
    )
    found = Scene(offer, session(crypto(1, CM_80), "acfg:1 t=1 a=3")).negotiate()
    assert found.mutual.holds is mutual
    if mutual is None:
        assert found.reasons == ("offer-unreadable",)


def test_a_listed_suite_that_no_policy_of_the_mode_offers_cant_be_taken() -> None:
    """The list stands in the messages of all modes alike; each of them offers its own policies."""
    both = listed(Owner.INITIATOR, {F8: 0, CM_80: 1})
    owner, entries = listed(Owner.RESPONDER, {F8: 0, CM_80: 1})
    answer = session(message(1, (CM_80,), listed=(owner, entries)))
    for policies, reasons in (((CM_80,), ()), ((CM_80, F8), ("dominated", "not-winner"))):
        found = Scene(session(message(PSK, policies, listed=both)), answer, mac=True).negotiate()
        assert found.reasons == reasons
    taken = session(message(1, (F8,), listed=(owner, entries)))
    assert Scene(session(message(PSK, (CM_80,), listed=both)), taken, mac=True).negotiate().chosen.suite == F8


def mapped(kind: int, *policies: int, suites: tuple[str, ...] = (CM_80, CM_32), v: bool = True) -> str:
    """A message whose crypto sessions are each under one policy."""
    sessions = tuple(SrtpIdEntry(number, policy, 0xA0 + number, 0) for number, policy in enumerate(policies, 1))
    return message(kind, suites, sessions=sessions, v=v)


@pytest.mark.parametrize(
    ("answer", "chosen", "reasons"),
    [
        ((), None, ()),  # one-way: nothing is answered
        ((mapped(1, 0, 1, suites=()),), None, ()),
        ((mapped(1, 0, 0, suites=()),), CM_80, ()),
        ((mapped(1, 1, 1, suites=()),), CM_32, ()),
        ((mapped(1, 1, 0, suites=()),), None, ("choice-unknown",)),  # the other way round is a choice
        ((mapped(1, 0, 1, suites=(F8, CM_32)),), None, ("choice-unknown",)),  # policies of its own
    ],
)
def test_a_suite_for_each_direction_leaves_nothing_to_choose(answer, chosen, reasons) -> None:
    found = Scene(session(mapped(PSK, 0, 1, v=bool(answer))), session(*answer)).negotiate()
    assert found.chosen == Choice("MIKEY-PSK", chosen)
    assert found.reasons == reasons
    if chosen is None and not reasons:
        assert judged(found) == (True, True, True)


def test_policies_beside_the_map_are_alternatives_all_the_same() -> None:
    """Sessions of one policy each settle their suites; where one has two, the answer has to say which."""
    sessions = GenericIdEntry(1, 0, False, (0, 1), b"\0\0\0\xa1", b""), GenericIdEntry(2, 0, False, (1,), b"", b"")
    offer = message(PSK, (CM_80, CM_32), sessions=sessions, map_type=2, v=False)
    assert Scene(session(offer), session()).negotiate().reasons == ("choice-unknown",)


@pytest.mark.parametrize(
    ("proto", "chosen"), [("RTP/SAVP", Choice("MIKEY-PSK", CM_80)), ("RTP/AVP", Choice(None, None))]
)
def test_silence_in_an_answer_that_gives_up_srtp_takes_nothing(proto: str, chosen: Choice) -> None:
    found = Scene(session(message(PSK, (CM_80,), v=False)), session(proto=proto)).negotiate()
    assert found.chosen == chosen
    assert found.mutual.holds is (True if chosen.suite else None)
