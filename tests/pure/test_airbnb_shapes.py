"""What Airbnb's answers say: the list, its rows, a thread and its messages."""

from __future__ import annotations

import base64
import json
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support.captured import AT_MS
from support.captured import COHOST
from support.captured import FRIEND
from support.captured import GUEST
from support.captured import INBOX
from support.captured import NOW
from support.captured import OWN
from support.captured import STRANGER
from support.captured import THREAD
from support.captured import THREAD_ID
from support.captured import Json
from support.captured import b64
from support.captured import card_item
from support.captured import changed
from support.captured import connection
from support.captured import inbox_answer
from support.captured import inbox_page
from support.captured import node
from support.captured import paths
from support.captured import person
from support.captured import read
from support.captured import read_one
from support.captured import row
from support.captured import tag
from support.captured import text_item
from support.captured import thread_answer
from support.captured import without

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import ThreadNotShown
from airbot.models import Direction
from airbot.models import InboxPage
from airbot.models import Kind

# Ids


def test_a_global_id_is_base64_of_type_and_number() -> None:
    assert (
        shapes.global_id("MessageThread", "1234567") == "TWVzc2FnZVRocmVhZDoxMjM0NTY3"
    )
    assert (
        shapes.number_of("TWVzc2FnZVRocmVhZDoxMjM0NTY3", "MessageThread") == "1234567"
    )


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "%%%",
        "é" * 8,
        b64("Message", "1234567"),
        b64("MessageThread", ""),
        b64("MessageThread", "12x"),
        b64("MessageThread", "１２３"),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
)
def test_an_id_that_is_not_a_threads_has_no_number(id_: str) -> None:
    assert shapes.number_of(id_, "MessageThread") is None
    assert shapes.thread_id_from(id_) is None


def test_callers_may_write_the_number_of_6_to_20_digits() -> None:
    assert shapes.thread_id_from("2470000001") == THREAD_ID
    assert shapes.thread_id_from(THREAD_ID) == THREAD_ID
    assert shapes.thread_id_from("12345") is None
    assert shapes.thread_id_from("1" * 21) is None


@pytest.mark.parametrize(
    "spelling",
    [
        b64("MessageThread", "24700000011").rstrip("="),
        b64("MessageThread", "0247000001"),
        b64("MessageThread", "2470000001") + "\n",
        " " + b64("MessageThread", "2470000001"),
        "TWVzc2FnZVRocmVhZDoyNDcwMDAwMDAx\u200b",
        "TWVzc2FnZVRocmVhZDo3N3==",  # bits behind the last digit
        "0247000001",
        "000000",
        "+247000001",
        "２４７００００００１",
        "2_470_000_001",
    ],
)
def test_a_conversation_has_one_spelling(spelling: str) -> None:
    assert shapes.thread_id_from(spelling) is None
    assert shapes.number_of(spelling, "MessageThread") is None


# The list


def test_a_row_that_stands_in_both_lists_is_one_thread() -> None:
    page = inbox_page(inbox_answer(node("2470000001"), node("2470000002")))
    assert [shapes.thread_number(t.id) for t in page.threads] == [
        "2470000001",
        "2470000002",
    ]
    assert page.account_id == OWN
    assert page.site_time == NOW


def test_a_row_says_who_we_are_there_and_what_it_is_about() -> None:
    thread = row()
    assert (thread.own_role, thread.hosted) == ("HOST", True)
    assert thread.title == "Marta, Kenji"
    assert thread.listing_id == "1200000000000000001"
    assert thread.stage == "UPCOMING_RESERVATIONS"
    assert thread.description == "Confirmed · May 7 – 10"
    assert thread.latest is not None and thread.latest.id == "30521819078"
    assert thread.latest_id == "30521819078"


def test_an_own_trip_is_not_hosted() -> None:
    people = [person(OWN, "GUEST", "Nora"), person("9", "HOST", "Ada")]
    thread = row(participants={"edges": people})
    assert (thread.own_role, thread.hosted) == ("GUEST", False)


def test_a_thread_that_does_not_list_our_account_is_not_hosted() -> None:
    thread = row(participants={"edges": [person(GUEST, "GUEST", "Marta")]})
    assert (thread.own_role, thread.hosted) == (None, False)


@pytest.mark.parametrize("path", ["viewer", None])
def test_the_older_shapes_with_threads_in_place_of_items_are_read(
    path: str | None,
) -> None:
    inbox = {"threads": connection([node()], "next")}
    viewer = {"id": b64("Viewer", OWN), "messagingInbox": inbox}
    page = inbox_page({"data": {path: viewer} if path else viewer}, asked_as=OWN)
    assert (len(page.threads), page.account_id, page.next_cursor) == (1, OWN, "next")


def test_the_account_is_the_viewers_and_else_the_one_in_the_question() -> None:
    data = inbox_answer(node())
    assert inbox_page(data, asked_as="77").account_id == OWN
    del data["data"]["node"]["id"]
    assert inbox_page(data, asked_as="77").account_id == "77"
    with pytest.raises(SiteChanged, match="Viewer"):
        inbox_page(data, asked_as=None)


def test_a_node_of_another_type_is_not_our_account() -> None:
    data = inbox_answer(node())
    data["data"]["node"]["id"] = b64("User", OWN)
    assert inbox_page(data, asked_as="77").account_id == "77"


def test_the_next_cursor_is_there_only_while_there_is_a_next_page() -> None:
    assert inbox_page(inbox_answer(node(), cursor="abc")).next_cursor == "abc"
    assert inbox_page(inbox_answer(node())).next_cursor is None


def test_an_empty_inbox_is_a_page_without_threads() -> None:
    data = inbox_answer()
    assert inbox_page(data).threads == ()
    assert not shapes.lists_threads(data)
    assert shapes.lists_threads(inbox_answer(node()))
    assert not shapes.lists_threads(None)


def test_activity_is_the_rows_and_not_the_time_of_the_last_message() -> None:
    thread = row()
    assert thread.activity_at == datetime.fromtimestamp(1777155645.510, UTC)
    assert thread.latest is not None and thread.latest.sent_at != thread.activity_at


def test_without_activity_the_last_messages_time_stands_in() -> None:
    thread = row(mostRecentInboxActivityAtMsFromROS=None)
    assert thread.latest is not None and thread.activity_at == thread.latest.sent_at


def test_the_mark_changes_when_the_last_message_is_another_edited_or_unsent() -> None:
    first = text_item("30521819078")
    marks = {
        inbox_page(inbox_answer(node(messages=[item]))).threads[0].mark
        for item in (
            first,
            text_item("30521819079"),
            {**first, "updatedAtMs": str(AT_MS + 1)},
            {**first, "deletedAtMs": str(AT_MS + 2), "isSoftDelete": True},
        )
    }
    assert len(marks) == 4


def test_a_reaction_changes_the_activity_but_not_the_mark() -> None:
    assert row().mark == row(mostRecentInboxActivityAtMsFromROS=str(AT_MS * 2)).mark


def test_a_row_without_whole_messages_has_the_mark_of_its_preview() -> None:
    for unseen in ([], [None], [{"id": None}], None):
        thread = row(messageData={"messages": unseen})
        assert (thread.mark, thread.latest_id) == (row().mark, row().latest_id)
        assert thread.latest is None


def test_a_thread_without_any_message_has_no_mark() -> None:
    page = inbox_page(inbox_answer(node(messages=[])))
    assert (page.threads[0].mark, page.threads[0].latest, page.odd) == (None, None, ())


ITEMS = ("data", "node", "messagingInbox", "inboxItems")
ROW = (*ITEMS, "edges", 0, "node")


def without_priority(*nodes: Json | None) -> Json:
    return without(inbox_answer(*nodes), *ITEMS[:3], "priorityItems")


FRAME = [
    (("data", "node", "messagingInbox"), "data.node.messagingInbox"),
    (ITEMS, "data.node.messagingInbox.inboxItems"),
    ((*ITEMS, "edges"), "messagingInbox.inboxItems.edges"),
    ((*ITEMS, "pageInfo"), "inboxItems.pageInfo"),
]
MORE = ((*ITEMS, "pageInfo", "hasNextPage"), "inboxItems.pageInfo.hasNextPage")


@pytest.mark.parametrize(("path", "missing"), [*FRAME, MORE])
def test_what_is_missing_in_the_lists_frame_is_named(
    path: tuple[Any, ...], missing: str
) -> None:
    with pytest.raises(SiteChanged) as raised:
        inbox_page(without(without_priority(node()), *path))
    assert missing in raised.value.missing


@pytest.mark.parametrize("odd", [None, 5, "x", [[]], {}])
@pytest.mark.parametrize(("path", "missing"), FRAME)
def test_what_is_odd_in_the_lists_frame_is_named(
    path: tuple[Any, ...], missing: str, odd: Any
) -> None:
    if path[-1] == "edges" and isinstance(odd, list):
        odd = None
    with pytest.raises(SiteChanged) as raised:
        inbox_page(changed(without_priority(node()), path, odd))
    assert missing in raised.value.missing


# One odd row, person or message among others


def rows_with(path: tuple[Any, ...], value: Any) -> InboxPage:
    """Three rows of the list, of which the second is odd at a path."""
    nodes = [node(f"247000000{n}", [text_item(f"{n}")]) for n in (1, 2, 3)]
    return inbox_page(changed(without_priority(*nodes), (*ITEMS, *path), value))


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [
        ((), None, "edges[1].node"),
        ((), 5, "edges[1].node"),
        (("node",), None, "edges[1].node.id"),
        (("node",), [[]], "edges[1].node.id"),
        (("node", "id"), None, "edges[1].node.id"),
        (("node", "id"), 2470000002, "edges[1].node.id"),
        (("node", "id"), b64("User", "5"), "a MessageThread id at"),
    ],
)
def test_an_odd_row_is_named_and_takes_nothing_from_the_others(
    path: tuple[Any, ...], value: Any, missing: str
) -> None:
    page = rows_with(("edges", 1, *path), value)
    assert [t.latest_id for t in page.threads] == ["1", "3"]
    (odd,) = page.odd
    assert missing in odd.path and "inboxItems" in odd.path


@pytest.mark.parametrize("messages", [None, 7, "x", {}, [None], [[None]], [{"id": 5}]])
def test_a_row_whose_newest_message_is_not_to_be_seen_is_there_and_odd(
    messages: Any,
) -> None:
    odd = node("2470000002")
    odd["messageData"], odd["messages"] = {"messages": messages}, {"edges": messages}
    page = inbox_page(inbox_answer(node("2470000001"), odd, node("2470000003")))
    thread = page.threads[1]
    assert (thread.mark, thread.latest) == (None, None)
    assert [row.id for row in page.odd] == [thread.id]
    assert page.odd[0].path.endswith("edges[1].node.messageData.messages")


def test_a_row_in_which_the_program_fails_is_named_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    activity = shapes._activity

    def fails(row: Json, newest: Json | None) -> datetime | None:
        assert row["messageThreadType"] != "UNFORESEEN"
        return activity(row, newest)

    monkeypatch.setattr(shapes, "_activity", fails)
    page = rows_with(("edges", 1, "node", "messageThreadType"), "UNFORESEEN")
    assert [t.latest_id for t in page.threads] == ["1", "3"]
    assert "edges[1]" in page.odd[0].path and "AssertionError" in page.odd[0].path


@pytest.mark.parametrize(("odd", "understood"), [(1, True), (2, False), (3, False)])
def test_the_site_has_changed_when_most_rows_are_odd(
    odd: int, understood: bool
) -> None:
    nodes: list[Any] = [None] * odd + [node(f"247000000{n}") for n in range(odd, 3)]
    if understood:
        assert len(inbox_page(without_priority(*nodes)).odd) == odd
        return
    with pytest.raises(SiteChanged, match=r"edges\[0\]"):
        inbox_page(without_priority(*nodes))


def test_half_of_the_rows_may_be_odd_and_one_of_one() -> None:
    page = inbox_page(without_priority(node(), None, node("2470000002"), None))
    assert (len(page.threads), len(page.odd)) == (2, 2)
    assert inbox_page(without_priority(None)).threads == ()


@pytest.mark.parametrize("odd", [None, 3, [], {}, {"edges": None}, {"edges": [None]}])
def test_a_priority_list_of_an_odd_shape_takes_nothing_away(odd: Any) -> None:
    data = changed(inbox_answer(node()), (*ITEMS[:3], "priorityItems"), odd)
    page = inbox_page(data)
    assert (len(page.threads), page.odd) == (1, ())


def test_the_main_list_is_believed_before_the_priority_list() -> None:
    data = inbox_answer(node(), node("2470000002"))
    poor = changed(node(), ("messageData",), None)
    data["data"]["node"]["messagingInbox"]["priorityItems"] = connection([poor])
    page = inbox_page(data)
    assert page.threads[0].latest is not None
    assert [shapes.thread_number(t.id)[-1] for t in page.threads] == ["1", "2"]


def with_people(*odd: Any) -> Json:
    edges = [person(OWN, "HOST", "Nora"), person(GUEST, "GUEST", "Marta"), *odd]
    return changed(
        thread_answer(text_item("1"), text_item("2", FRIEND)),
        ("data", "threadData", "participants"),
        {"edges": edges},
    )


ODD_PEOPLE: list[object] = [
    None,
    {},
    [],
    7,
    {"node": None},
    {"node": [5]},
    person(FRIEND, None, "Kenji"),  # type: ignore[arg-type]
    person(FRIEND, "", "Kenji"),
    person(FRIEND, 12, "Kenji"),  # type: ignore[arg-type]
    person(None, "COTRAVELER", "Kenji"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("odd", ODD_PEOPLE)
def test_an_odd_person_takes_nothing_from_the_others(odd: Any) -> None:
    reading = read(with_people(odd))
    assert reading.thread.hosted
    assert [m.role for m in reading.messages] == ["guest", "unlisted"]
    # Kenji may be the one that is not understood: he is not forgotten.
    assert "participants.edges[2]" in reading.odd[0].path


def test_who_was_not_understood_and_wrote_nothing_is_nobodys_trouble() -> None:
    data = with_people(person(FRIEND, "COTRAVELER", "Kenji"), None)
    assert read(data).odd == ()


@pytest.mark.parametrize("people", [None, 3, [], {}, {"edges": None}, {"edges": 5}])
def test_a_list_of_people_that_is_none_is_named(people: Any) -> None:
    data = changed(
        thread_answer(text_item("1")), ("data", "threadData", "participants"), people
    )
    reading = read(data)
    assert [m.body for m in reading.messages] == ["Hi!\nIs parking free?"]
    assert reading.odd[0].path == "data.threadData.participants.edges"
    assert row(participants=people).own_role is None


@pytest.mark.parametrize("name", [None, 5, ["Marta"], {"first": "Marta"}, " "])
def test_a_name_that_is_no_text_is_the_account_id(name: Any) -> None:
    data = thread_answer(text_item("1", FRIEND))
    edges = data["data"]["threadData"]["participants"]["edges"]
    edges[2]["node"]["enrichedParticipantInfo"] = {"name": name}
    assert read(data).messages[0].sender == FRIEND


ODD_MESSAGES = [
    (None, "messages[1].account"),
    ("x", "messages[1].account"),
    ([[1]], "messages[1].account"),
    (text_item("2", id=None), "messages[1].id"),
    (text_item("2", id=2), "messages[1].id"),
    (text_item("2", id=b64("MessageThread", "1")), "a Message id at"),
    (text_item("2", account=None), "messages[1].account.accountId"),
    (text_item("2", account={"accountId": 5}), "messages[1].account.accountId"),
    (text_item("2", account={"accountId": GUEST}), "account.accountType"),
    (text_item("2", contentType=None), "messages[1].contentType"),
    (text_item("2", contentType=["TEXT_CONTENT"]), "messages[1].contentType"),
    *[
        (text_item("2", createdAtMs=at), "messages[1].createdAtMs")
        for at in ("soon", "", None, -5, 1.5, "１２", [1], "9" * 15)
    ],
]


@pytest.mark.parametrize(("item", "missing"), ODD_MESSAGES)
def test_an_odd_message_is_named_and_takes_nothing_from_the_others(
    item: Any, missing: str
) -> None:
    reading = read(thread_answer(text_item("1"), item, text_item("3")))
    assert reading.ids == ("1", "3")
    assert missing in reading.odd[0].path


@pytest.mark.parametrize(
    ("items", "newest"),
    [
        ((None, text_item("2")), False),
        ((text_item("1"), None, text_item("3")), False),
        ((text_item("1"), None, text_item("3", OWN)), False),
        ((text_item("1"), None), True),
        ((text_item("1"), None, card_item("3", GUEST, "TEMPLATE", None)), True),
    ],
)
def test_an_odd_message_that_may_be_an_answer_is_told_apart(
    items: tuple[Any, ...], newest: bool
) -> None:
    (odd,) = read(thread_answer(*items)).odd
    assert odd.newest is newest


@pytest.mark.parametrize("odd", [2, 3])
def test_most_messages_odd_is_a_changed_site(odd: int) -> None:
    with pytest.raises(SiteChanged, match=r"messages\[0\]"):
        read(thread_answer(*[None] * odd, text_item("1")))


@pytest.mark.parametrize("content", [None, {}, {"content": None}, {"content": 5}, []])
def test_a_text_without_content_is_media_and_named(content: Any) -> None:
    reading = read(thread_answer(text_item("1", hydratedContent=content)))
    (message,) = reading.messages
    assert (message.kind, message.body) == (Kind.MEDIA, None)
    assert message.note == shapes.WITHOUT_CONTENT
    (odd,) = reading.odd
    assert odd.path.endswith("messages[0].hydratedContent.content") and not odd.newest


@pytest.mark.parametrize("body", ["", "  \n", "\u3000"])
def test_a_text_without_words_is_a_voice_note_and_understood(body: str) -> None:
    reading = read(thread_answer(text_item("1", body=body)))
    assert (reading.messages[0].kind, reading.messages[0].body) == (Kind.MEDIA, None)
    assert reading.odd == ()


# Half an emoji


HALF = "Oui \ud83d!"
WHOLE = "Oui \ufffd!"


def through_text(data: Json) -> Json:
    """As it comes: JSON of the site's, and what `parse` makes of it."""
    parsed = pages.parse(json.dumps(data))
    json.dumps(parsed, ensure_ascii=False).encode()
    return parsed  # type: ignore[no-any-return]


def test_half_an_emoji_is_no_harm_wherever_it_stands() -> None:
    odd = node(messages=[text_item("1", body=HALF, uuid=HALF)])
    odd["inboxTitle"] = odd["inboxDescription"] = {"components": [{"text": HALF}]}
    odd["participants"]["edges"][0]["node"]["enrichedParticipantInfo"]["name"] = HALF
    odd[HALF] = {HALF: [HALF]}
    odd["userThreadTags"] = [tag("stay_listing_ids", HALF), tag("trip_stages", HALF)]
    thread = inbox_page(through_text(inbox_answer(odd))).threads[0]
    assert {thread.title, thread.description, thread.listing_id, thread.stage} == {
        WHOLE
    }
    message = read(through_text({"data": {"threadData": odd}})).messages[0]
    assert (message.sender, message.body, message.uuid) == (WHOLE, WHOLE, WHOLE)


def test_a_whole_emoji_stays() -> None:
    said = "\U0001f600 \\ud83d"
    assert pages.parse(json.dumps({"a": said})) == {"a": said}


def test_nested_deeper_than_python_goes_is_no_json() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + '"\\ud83d"' + "]" * depth

    assert pages.parse(nested(3)) == [[["\ufffd"]]]
    assert pages.parse(nested(900)) != [] and pages.parse(nested(100_000)) is None


# A thread: its messages


def test_a_text_is_what_was_written_and_not_its_translation() -> None:
    message = read_one(text_item("30521819078"))
    assert (message.direction, message.kind) == (Direction.INBOUND, Kind.TEXT)
    assert message.body == "Hi!\nIs parking free?"
    assert (message.id, message.sender, message.role) == (
        "30521819078",
        "Marta",
        "guest",
    )
    assert message.sent_at == datetime.fromtimestamp((AT_MS + 78) / 1000, UTC)


@pytest.mark.parametrize(
    ("account_id", "direction", "role"),
    [
        (GUEST, Direction.INBOUND, "guest"),
        (FRIEND, Direction.INBOUND, "cotraveler"),
        (OWN, Direction.OUTBOUND, "host"),
        (COHOST, Direction.OUTBOUND, "co_host"),
    ],
)
def test_whose_text_it_is_follows_from_account_and_role(
    account_id: str, direction: Direction, role: str
) -> None:
    message = read_one(text_item("30521819078", account_id))
    assert (message.direction, message.role) == (direction, role)


def test_an_account_that_no_participant_lists_is_nobody_and_keeps_its_text() -> None:
    message = read_one(text_item("30521819078", STRANGER))
    assert (message.direction, message.role) == (Direction.SYSTEM, "unlisted")
    assert (message.sender, message.kind) == (STRANGER, Kind.TEXT)
    assert message.body and message.note


@pytest.mark.parametrize("account_type", ["SERVICE", "EXTERNAL_SERVICE", "AGENT"])
def test_service_accounts_are_nobody_even_with_a_text(account_type: str) -> None:
    account = {"accountId": "95", "accountType": account_type}
    message = read_one(text_item("30521819078", account=account))
    assert (message.direction, message.kind) == (Direction.SYSTEM, Kind.NOTICE)
    assert message.body is None


@pytest.mark.parametrize(
    ("content_type", "subtype"),
    [
        ("VIEWER_BASED_CONTENT", "STAY_ALTERATION_WITHOUT_LISTING_CHANGE_ACCEPTED"),
        ("TEMPLATE_CONTENT", "STAY_ALTERATION_WITHOUT_LISTING_CHANGE_PENDING"),
        ("VIEWER_BASED_CONTENT", "TRUST_CONTACT_CARD"),
        ("VIEWER_BASED_CONTENT", "STAYS_ACH_HDP_CLAIM_CLOSED"),
        ("TEMPLATE_CONTENT", "STAYS_RTB_CARD_REQUEST"),
        ("STATIC_BULLETIN_CONTENT", None),
        ("SOMETHING_OF_NEXT_YEAR", None),
    ],
)
def test_a_card_of_a_person_is_no_text(content_type: str, subtype: str | None) -> None:
    for account_id in (GUEST, OWN):
        message = read_one(card_item("30521819078", account_id, content_type, subtype))
        assert (message.kind, message.body) == (Kind.CARD, None)
        assert not message.is_guest_text and not message.is_host_text


def test_a_photo_has_no_text() -> None:
    message = read_one(text_item("30521819078", contentType="MEDIA_CONTENT"))
    assert (message.kind, message.body) == (Kind.MEDIA, None)


@pytest.mark.parametrize(
    "unsent", [{"isSoftDelete": True}, {"deletedAtMs": "1777155449999"}]
)
def test_an_unsent_message_has_no_words_left(unsent: Json) -> None:
    item = text_item("30521819078", **unsent, hydratedContent=None)
    message = read_one(item)
    assert (message.kind, message.body) == (Kind.DELETED, None)
    assert message.direction == Direction.INBOUND


def test_a_text_in_parts_is_one_text() -> None:
    content = {"content": {"subMessages": [{"body": "One."}, {"body": "Two."}]}}
    assert read_one(text_item("1", hydratedContent=content)).body == "One.\nTwo."


def test_messages_keep_the_order_of_the_page_and_repeat_only_once() -> None:
    items = [text_item("30"), text_item("20"), text_item("30"), text_item("10")]
    for item in items:
        item["createdAtMs"] = str(AT_MS)  # two messages can share a time
    assert [m.id for m in read(thread_answer(*items)).messages] == ["30", "20", "10"]


def test_a_reading_is_complete_only_when_nothing_newer_is_held_back() -> None:
    data = thread_answer(text_item("1"))
    assert read(data).complete
    for held in ("YES", None, False):
        data["data"]["threadData"]["messageData"]["hasNewer"] = held
        assert not read(data).complete


def test_an_empty_thread_is_a_reading_without_messages() -> None:
    data = thread_answer()
    assert read(data).messages == ()
    assert shapes.lacks_messages(data)
    assert not shapes.lacks_messages(thread_answer(text_item("1")))
    assert not shapes.lacks_messages(None)


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"threadData": None}, "errors": [{"message": "Thread not found"}]},
        {"data": {"threadData": None}},
        {"data": {"threadData": None}, "errors": [{"message": "No permission"}]},
    ],
)
def test_a_thread_that_is_null_is_not_shown_to_us(data: Json) -> None:
    with pytest.raises(ThreadNotShown):
        read(data)


@pytest.mark.parametrize("data", [{"thread": node()}, {}, None, 5, "threadData", []])
def test_an_answer_without_thread_data_is_a_changed_site(data: Any) -> None:
    with pytest.raises(SiteChanged, match="data.threadData"):
        read({"data": data})


ERRORS = [{"message": "Internal Server Error", "path": ["node"]}]


@pytest.mark.parametrize(
    "data", [{"node": None}, {"node": {"messagingInbox": None}}, {}, {"node": 5}]
)
def test_a_list_with_errors_in_its_place_is_an_outage(data: Json) -> None:
    with pytest.raises(SiteUnavailable, match="errors in place of data.node"):
        inbox_page({"data": data, "errors": ERRORS})
    with pytest.raises(SiteChanged):
        inbox_page({"data": data})


def test_a_list_with_errors_beside_it_is_read() -> None:
    assert inbox_page({**inbox_answer(node()), "errors": ERRORS}).threads


@pytest.mark.parametrize(
    "data", [{"threadData": None}, {}, {"threadData": {"id": THREAD_ID}}]
)
def test_a_conversation_with_errors_in_its_place_is_an_outage(data: Json) -> None:
    with pytest.raises(SiteUnavailable, match="errors in place of data.threadData"):
        read({"data": data, "errors": ERRORS})


def test_the_answer_about_another_thread_is_not_taken_for_ours() -> None:
    with pytest.raises(SiteChanged, match="conversation that was asked for"):
        read({"data": {"threadData": node("2470000002")}})


@pytest.mark.parametrize("key", ["messageData", "id"])
def test_what_is_missing_in_a_thread_is_named(key: str) -> None:
    data = thread_answer(text_item("1"))
    with pytest.raises(SiteChanged, match=f"data.threadData.{key}"):
        read(without(data, "data", "threadData", key))


# Whatever the site does, we say which part we missed


ODD = st.sampled_from(
    [
        None,
        "",
        "x",
        "１２",
        b64("User", "5"),
        0,
        -1,
        2.5,
        True,
        [],
        ["x"],
        [None],
        {},
        {"node": 1},
    ]
)


def spoiled(answer: Json, path: tuple[Any, ...], odd: Any, gone: bool) -> Json:
    return without(answer, *path) if gone else changed(answer, path, odd)


FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck)
)


@FUZZ
@given(st.sampled_from(paths(INBOX)), ODD, st.booleans())
def test_a_spoiled_list_is_read_or_named(
    path: tuple[Any, ...], odd: Any, gone: bool
) -> None:
    data = spoiled(INBOX, path, odd, gone)
    shapes.lists_threads(data)
    try:
        page = inbox_page(data, asked_as="77")
    except SiteChanged as e:
        assert e.missing
    else:
        assert all(odd.path for odd in page.odd)
        assert all(isinstance(t.id, str) and t.title is not None for t in page.threads)


@FUZZ
@given(st.sampled_from(paths(THREAD)), ODD, st.booleans())
def test_a_spoiled_thread_is_read_or_named(
    path: tuple[Any, ...], odd: Any, gone: bool
) -> None:
    data = spoiled(THREAD, path, odd, gone)
    shapes.lacks_messages(data)
    try:
        reading = read(data)
    except (SiteChanged, ThreadNotShown) as e:
        assert str(e)
    else:
        assert all(isinstance(m.sender, str) for m in reading.messages)
        assert all(m.body is not None for m in reading.messages if m.kind == Kind.TEXT)
