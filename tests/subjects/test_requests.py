"""Requests written in a plan: every name held to what gives its value, every value put where it belongs."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import read_plan, resolved
from loadtests.lab.workloads import check_hosts, secrets, workload_of
from loadtests.subjects.own.answers import Given, Reader, Wrong
from loadtests.subjects.own.feeds import order, parse_csv, parse_lines, read_feed
from loadtests.subjects.own.naming import weights
from loadtests.subjects.own.recipes import recipe
from loadtests.subjects.own.requests import PlanFeed, PlanLogin, PlanRequest, Workload

PLAN = """# A shop.
[load]
users = [2]
[servers.a]
command = ["a", "{port}"]
[scenarios.shop]
feed = "items.csv"
accounts = { file = "accounts.jsonl", order = "file" }
[scenarios.shop.login]
method = "POST"
path = "/login"
json = { user = "{user}", password = "env:SHOP_PASSWORD" }
save = { token = "$.token" }
[[scenarios.shop.requests]]
path = "/items/{id}"
weight = 6
[[scenarios.shop.requests]]
name = "order"
method = "POST"
path = "/orders"
headers = { Authorization = "Bearer {token}" }
json = { item = "{id}", note = "for {user}" }
status = 201
save = { order = "$.id" }
then = "pay"
[[scenarios.shop.requests]]
name = "pay"
method = "post"
path = "/orders/{order}/pay"
query = { how = "card & more" }
"""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nX-Id: 7\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "items.csv").write_text("id,name\n1,one\n2,two\n")
    (tmp_path / "accounts.jsonl").write_text('{"user": "ann"}\n{"user": "bob"}\n')
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def changed(folder: Path, before: str, after: str) -> str:
    """What is said of the plan with one of its texts replaced."""
    assert before in PLAN
    (folder / "plan.toml").write_text(PLAN.replace(before, after, 1))
    with pytest.raises(PlanError) as told:
        read_plan(folder / "plan.toml")
    return str(told.value)


def request(**keys: Any) -> PlanRequest:
    return PlanRequest.model_validate({"path": "/", **keys})


def test_a_plan_is_read_whole_and_again_from_its_own_document(folder: Path) -> None:
    plan = read_plan(folder / "plan.toml")
    workload = workload_of(plan.scenarios["shop"])
    assert workload is not None
    assert weights(workload) == {"items-id": 6, "order": 1, "pay": 0}
    assert [one.method for one in workload.requests] == ["GET", "POST", "POST"]
    assert workload.environment() == ["SHOP_PASSWORD"]
    assert workload.feed is not None
    assert workload.feed.file == str(folder / "items.csv")
    document = plan.model_dump(mode="json")
    assert resolved(document, "manifest") == plan
    assert Workload.model_validate_json(workload.model_dump_json()) == workload
    (folder / "items.csv").write_text("id,name\n1,other\n")
    with pytest.raises(PlanError, match="has changed since the run was begun"):
        resolved(document, "manifest")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("/items/{id}", "/items/{ident}", "requests.items-ident.path: nothing gives a value to {ident}; the"),
        ("for {user}", "for {usr}", "json.note: nothing gives a value to {usr}; the nearest is 'user'"),
        ('user = "{user}"', 'user = "{id}"', "login.json.user: {id} is of the feed of the requests"),
        ('then = "pay"', 'then = "pays"', "there is no request 'pays'; the nearest is 'pay'"),
        ('then = "pay"', 'then = "order"', "requests.order.then leads back to where it began"),
        ("/items/{id}", '/{late}"\nsave = { late = "$.x" }\nname = "x', "requests.x needs {late}, which is"),
        ('name = "pay"', 'name = "order"', "two requests are called 'order'"),
        ("weight = 6", "weight = -1", "scenarios.shop.requests.0.weight = -1"),
        ("weight = 6", "wieght = 6", "scenarios.shop.requests.0.wieght is not a key; did you mean 'weight'?"),
        ("weight = 6", 'jsn = "x"', "did you mean 'json'?"),
        ("status = 201", "status = 99", "scenarios.shop.requests.1.status"),
        ('"Bearer {token}"', '"Bearer abc"', "write 'Bearer env:NAME'"),
        ('password = "env:SHOP_PASSWORD"', 'password = "geheim"', "write 'env:NAME'"),
        ("/orders/{order}/pay", "/orders/{order}/pay?token=abc", "path.token is written out"),
        ('"$.id"', '"$.id["', "a JSON path looks like"),
        ('"$.id"', '"id"', "it is a JSON path such as $.id, header:NAME or cookie:NAME"),
        ("items.csv", "itens.csv", "scenarios.shop.feed.file = 'itens.csv': there is no file"),
        ('order = "$.id"', 'name = "$.id"', "a request saves 'name', which is a column of the feed"),
        ('path = "/orders"', 'path = "orders"', "a path begins with one /"),
        ('path = "/orders"', 'path = "//other.host/orders"', "a path begins with one /"),
        ('path = "/orders"', 'path = "/or ders"', "a path holds no space"),
        ("Authorization", "Content-Length", "ontent-Length is written by the load generator"),
        ('json = { item = "{id}"', 'body = "x"\njson = { item = "{id}"', "takes one body: json or body"),
        ("json = { item", "json = { at = 2026-01-01, item", "a value here is none that JSON has"),
        ('feed = "items.csv"', 'feed = { file = "items.csv", end = "never" }', "scenarios.shop.feed.end"),
        ("[scenarios.shop]\n", '[scenarios.shop]\nkind = "get"\n', "both a kind and requests of its own"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(folder: Path, before: str, after: str, told: str) -> None:
    found = changed(folder, before, after)
    assert told in found
    assert "geheim" not in found
    assert "Bearer abc" not in found
    assert found.removeprefix("plan.toml: ").startswith("scenarios.shop")


def test_what_belongs_to_requests_alone_needs_them(folder: Path) -> None:
    (folder / "plan.toml").write_text(
        PLAN.partition("[scenarios")[0] + '[scenarios.get]\nfeed = "items.csv"\n'
    )
    with pytest.raises(PlanError, match="get: feed belongs to requests, and this scenario has none"):
        read_plan(folder / "plan.toml")


def test_a_missing_secret_is_told_by_its_name(folder: Path) -> None:
    workload = workload_of(read_plan(folder / "plan.toml").scenarios["shop"])
    assert workload is not None
    with pytest.raises(PlanError, match="env:SHOP_PASSWORD, and no"):
        secrets([workload], {})
    assert secrets([workload], {"SHOP_PASSWORD": "x", "OTHER": "y"}) == {"SHOP_PASSWORD": "x"}


@pytest.mark.parametrize(
    ("url", "allowed", "right"),
    [
        ("http://127.0.0.1:8000", [], True),
        ("http://127.9.9.9:8000/base", [], True),
        ("http://[::1]:8000", [], True),
        ("http://localhost:8000", [], True),
        ("https://shop.example", [], False),
        ("http://localhost.example:8000", [], False),
        ("http://10.0.0.1", ["10.0.0.2"], False),
        ("https://Shop.example", ["shop.example"], True),
    ],
)
def test_another_host_is_pressed_only_by_its_name(
    folder: Path, url: str, allowed: list[str], right: bool
) -> None:
    (folder / "plan.toml").write_text(PLAN.replace('command = ["a", "{port}"]', f'url = "{url}"'))
    plan = read_plan(folder / "plan.toml")
    if right:
        check_hosts(plan, allowed)
    else:
        with pytest.raises(PlanError, match="--yes-load"):
            check_hosts(plan, allowed)


def test_the_document_shows_a_plan_that_is_right(folder: Path) -> None:
    """The example of docs/own-apps.md, with a server and the feed that it names."""
    text = (Path(__file__).parent.parent.parent / "docs" / "own-apps.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(\[scenarios\.shop\].*?)```", text, re.DOTALL)
    (folder / "items.csv").write_text("item,word\n1,one\n")
    (folder / "plan.toml").write_text(PLAN.partition("[scenarios")[0] + example)
    workload = workload_of(read_plan(folder / "plan.toml").scenarios["shop"])
    assert workload is not None
    assert weights(workload) == {"item": 6, "order": 1, "ordered": 0}


def filled(values: dict[str, Any], **keys: Any) -> tuple[str, dict[str, str], bytes | None]:
    made = recipe(request(**keys))
    body = None if made.body is None else made.body.fill(values)
    return made.target.fill(values).decode("ascii"), dict(made.header_list(values)), body


@given(st.text(), st.text())
def test_any_value_arrives_as_it_was(value: str, other: str) -> None:
    """In a path, a query, a form and a JSON text, as the standard library reads them."""
    values = {"v": value, "o": other}
    kept = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if kept != value:
        return
    target, _, _ = filled(values, path="/a/{v}/b", query={"q": "<{v}>", "fix": ["1 &", 2]})
    parts = urlsplit(target)
    assert unquote(parts.path) == f"/a/{value}/b"
    assert parts.path.count("/") == 3
    assert parse_qs(parts.query, keep_blank_values=True) == {"q": [f"<{value}>"], "fix": ["1 &", "2"]}
    _, headers, body = filled(values, method="POST", form={"f": "{v}", "g": "{o} = {v}"})
    assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
    pairs = parse_qsl((body or b"").decode("ascii"), keep_blank_values=True)
    assert pairs == [("f", value), ("g", f"{other} = {value}")]
    _, headers, body = filled(values, method="POST", json={"a": ["{v}", {"b": "x{v}y"}], "c": 1.5, "d": None})
    assert headers == {"Content-Type": "application/json"}
    assert json.loads(body or b"") == {"a": [value, {"b": f"x{value}y"}], "c": 1.5, "d": None}


@given(st.one_of(st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_a_value_alone_in_json_keeps_its_type_and_within_a_text_is_its_json(value: Any) -> None:
    _, _, body = filled({"v": value}, method="POST", json={"alone": "{v}", "within": "v={v}"})
    assert json.loads(body or b"") == {
        "alone": value,
        "within": "v=" + json.dumps(value, separators=(",", ":")),
    }


@given(st.text(st.characters(codec="utf-8")))
def test_a_header_stays_on_its_line(value: str) -> None:
    _, headers, _ = filled({"v": value}, headers={"X-V": "a {v}"})
    assert not set(headers["X-V"]) & {"\r", "\n", "\0"}


def test_bodies_of_files_and_forms(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8{not}")
    file = str(tmp_path / "photo.jpg")
    assert filled({}, method="PUT", body_file=file)[1:] == ({"Content-Type": "image/jpeg"}, b"\xff\xd8{not}")
    _, headers, body = filled(
        {"n": "ä"}, method="POST", multipart={"title": "of {n}", "photo": {"file": file}}
    )
    kind, _, boundary = headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    mark = f"--{boundary}\r\n".encode()
    assert body == (
        mark + 'Content-Disposition: form-data; name="title"\r\n\r\nof ä\r\n'.encode() + mark
        + b'Content-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        + b"Content-Type: image/jpeg\r\n\r\n"
        + b"\xff\xd8{not}\r\n" + f"--{boundary}--\r\n".encode()
    )  # fmt: skip
    assert filled({}, method="POST", body='{"a": {"b": 1}}')[2] == b'{"a": {"b": 1}}'
    assert filled({}, method="POST")[2] == b""
    assert filled({}, method="GET")[2] is None


def test_a_path_may_be_a_saved_address() -> None:
    for saved, target in (
        ("/orders/5?x=1", "/orders/5?x=1"),
        ("http://127.0.0.1:8000/orders/5", "/orders/5"),
        ("orders/5", "/orders/5"),
        ("/ä b", "/%C3%A4%20b"),
        ("https://host", "/"),
    ):
        assert filled({"location": saved}, path="{location}")[0] == target
    assert filled({"location": "/a"}, path="{location}/pay", query={"x": 1})[0] == "/a/pay?x=1"


def test_secrets_are_values_like_others() -> None:
    given = {"env:KEY": "s3 cret"}
    target, headers, _ = filled(
        given, query={"api_key": "env:KEY"}, headers={"Authorization": "Bearer env:KEY"}
    )
    assert (target, headers) == ("/?api_key=s3%20cret", {"Authorization": "Bearer s3 cret"})
    assert filled(given, method="POST", json={"token": "env:KEY", "text": "not env:KEY"})[2] == (
        b'{"token":"s3 cret","text":"not env:KEY"}'
    )


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_a_csv_is_read_as_it_is_written(rows: list[tuple[str, str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    text = "one,two\r\n" + "".join(f"{quoted(a)},{quoted(b)}\r\n" for a, b in rows)
    feed = parse_csv(text, "x.csv")
    assert feed.columns == ("one", "two")
    assert [tuple(row.values()) for row in feed.rows] == rows


@given(st.lists(st.dictionaries(st.just("a"), st.integers() | st.text() | st.none(), min_size=1), min_size=1))
def test_json_lines_keep_their_types(rows: list[dict[str, Any]]) -> None:
    text = "\n".join(map(json.dumps, rows)) + "\n\n"
    assert list(parse_lines(text, "x.jsonl").rows) == rows


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "", "holds no row"),
        ("a.csv", "id\n", "holds no row"),
        ("a.csv", "id,id\n1,2\n", "two columns 'id'"),
        ("a.csv", "Id\n1\n", "a column 'Id'"),
        ("a.csv", "id,n\n1\n", "has 1 values in line 2, and 2 columns"),
        ("a.csv", 'id\n"1\n', "is no CSV in line 2"),
        ("a.jsonl", "[1]\n", "has no object in line 1"),
        ("a.jsonl", '{"a":1}\n{"b":1}\n', "has other members in line 2 than above: 'a'"),
        ("a.jsonl", '{"a":1}\n{\n', "has no JSON in line 2"),
    ],
)
def test_a_feed_that_is_none_says_where(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="the feed a") as error:
        read_feed(tmp_path / name)
    assert told in str(error.value)


def test_rows_are_shuffled_by_the_seed_and_shared_by_parts() -> None:
    feed = parse_csv("n\n" + "".join(f"{number}\n" for number in range(50)), "x.csv")

    def taken(seed: int, count: int, part: int = 0, parts: int = 1, **keys: str) -> list[str]:
        reader = order(feed, PlanFeed(file="x.csv", **keys), seed, part, parts)
        return [row["n"] for row, _ in zip(reader, range(count), strict=False)]

    assert taken(1, 50) == taken(1, 50) != taken(2, 50)
    assert sorted(taken(1, 50)) == sorted(taken(2, 50)) == sorted(map(str, range(50)))
    assert taken(1, 100)[50:] == taken(1, 50)
    assert taken(1, 3, order="file") == ["0", "1", "2"]
    assert len(taken(1, 100, end="stop")) == 50
    assert sorted(taken(1, 25, 0, 2) + taken(1, 25, 1, 2)) == sorted(map(str, range(50)))


def read(body: bytes, values: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    reader = Reader(request(**keys))
    return reader.read(Given(HEAD, body), b"asked", values or {}, lambda name: {"sid": "c"}.get(name))


def no_cookie(name: str) -> str | None:
    return None


def test_what_is_saved_and_what_is_right() -> None:
    body = b'{"id": 5, "tags": ["x", {"y z": null}], "name": "ann"}'
    saved = {"a": "$.id", "b": "$.tags[1]['y z']", "c": "header:x-id", "d": "cookie:sid", "e": "$.tags[-2]"}
    assert read(body, save=saved) == {"a": 5, "b": None, "c": "7", "d": "c", "e": "x"}
    right = {
        "contains": "ann",
        "length": len(body),
        "type": "application/json",
        "json": {"$.id": 5, "$.name": "{n}"},
    }
    assert read(body, {"n": "ann"}, answer=right) == {}
    assert read(body, {"n": "5"}, answer={"json": {"$.id": "{n}"}}) == {}
    assert read(body, {"env:WHO": "ann"}, answer={"json": {"$.name": "env:WHO"}, "contains": "env:WHO"}) == {}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"save": {"a": "$.none"}}, "a value at $.none"),
        ({"save": {"a": "$.id.x"}}, "a value at $.id.x"),
        ({"save": {"a": "header:None"}}, "the header None"),
        ({"save": {"a": "cookie:none"}}, "the cookie none"),
        ({"answer": {"json": {"$.id": 6}}}, "the value of answer.json at $.id"),
        ({"answer": {"json": {"$.id": "5"}}}, "the value of answer.json at $.id"),
        ({"answer": {"json": {"$.id": True}}}, "the value of answer.json at $.id"),
        ({"answer": {"contains": "bob"}}, "the text of answer.contains"),
        ({"answer": {"length": 1}}, "a body of 1 bytes"),
        ({"answer": {"type": "text/html"}}, "the content type text/html"),
    ],
)  # fmt: skip
def test_a_wrong_answer_says_what_it_lacks(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(Wrong) as error:
        read(b'{"id": 5}', **keys)
    assert str(error.value) == told


def test_the_same_request_has_the_same_answer() -> None:
    reader = Reader(request(answer={"same": True}))
    for asked, body, right in (
        (b"1", b"a", True),
        (b"2", b"b", True),
        (b"1", b"a", True),
        (b"1", b"b", False),
    ):
        if right:
            assert reader.read(Given(HEAD, body), asked, {}, no_cookie) == {}
        else:
            with pytest.raises(Wrong, match="the same request's first answer"):
                reader.read(Given(HEAD, body), asked, {}, no_cookie)


def test_a_body_that_is_no_json_is_wrong_where_json_is_read() -> None:
    with pytest.raises(Wrong, match="a body that is JSON"):
        read(b"<html>", save={"a": "$.id"})


def test_names_are_made_from_paths() -> None:
    names = [request(path=path, method=method).name for path, method in (
        ("/items/{id}", "GET"), ("/items", "POST"), ("/", "GET"), ("/", "DELETE"), ("/a?b=c", "GET"),
    )]  # fmt: skip
    assert names == ["items-id", "post-items", "get", "delete", "a"]
    assert isinstance(PlanLogin(path="/login"), PlanLogin)
