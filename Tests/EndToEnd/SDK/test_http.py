"""HTTP triggers: the conformance vectors of http.md §22 that need neither channels nor middleware."""

from __future__ import annotations

import json
import re
import threading

import pytest

from support.engine import PATIENCE_SECONDS
from support.httpclient import request, request_json
from support.sdk import HAS_METADATA, InvocationError
from support.waiting import eventually


@pytest.fixture
def route(shared_engine, worker, prefix):
    """Binds a handler to a path below the test's own, and waits until the engine lists the trigger."""
    count = 0

    def make(handler, path: str = "r", method: str = "GET", **config):
        nonlocal count
        count += 1
        function_id = f"{prefix}::h{count}"
        worker.function(function_id, handler)
        settings = {"api_path": f"{prefix}/{path}", "http_method": method, **config}
        worker.bind("http", function_id, settings)
        return function_id

    return make


@pytest.fixture
def send(shared_engine, prefix):
    return lambda method, path="r", *args: request(shared_engine.http_port, method, f"/{prefix}/{path}", *args)


def error_of(response) -> dict:
    assert response.header("content-type") == "application/json"
    return response.json["error"]


def test_vector_01_nothing_registered(shared_engine):
    response = request(shared_engine.http_port, "GET", "/")
    assert response.status == 404
    assert response.json == {"error": {"code": "NOT_FOUND", "message": "Not Found"}}
    assert response.header("access-control-allow-origin") == "*"


def test_vectors_02_to_05_methods(route, send, shared_engine):
    route(lambda request: {"status_code": 200, "body": {"m": 1}}, "hello")
    found = send("GET", "hello")
    assert (found.status, found.json, found.header("content-type")) == (200, {"m": 1}, "application/json")
    assert send("GET", "hello/").status == 404
    wrong_method = send("POST", "hello")
    assert (wrong_method.status, wrong_method.body) == (405, b"")
    assert set(wrong_method.header("allow").split(",")) == {"GET", "HEAD"}
    options = request(shared_engine.http_port, "OPTIONS", "/nowhere")
    assert (options.status, options.body) == (200, b"")


BODIES = [
    # number, what the handler returns, status, body, content-type
    (6, {"a": 1}, 200, b"{}", "application/json"),
    (7, "x", 200, b"{}", "application/json"),
    (8, {"body": "x"}, 200, b'"x"', "application/json"),
    (9, {"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, 200, b"<a/>", "text/xml"),
    (10, {"body": "{}", "headers": {"content-type": "application/json"}}, 200, b"{}", "application/json"),
    (12, {"status_code": "404"}, 200, b"{}", "application/json"),
    (0, {"status_code": 201, "body": None}, 201, b"null", "application/json"),
    (0, {"status_code": 299, "body": [1, "ä"]}, 299, '[1,"ä"]'.encode(), "application/json"),
    (0, {"statusCode": 418, "body": {}}, 418, b"{}", "application/json"),
    (0, {"status_code": 204, "body": "never sent"}, 204, b"", None),
]


@pytest.mark.parametrize(("vector", "returned", "status", "body", "content_type"), BODIES)
def test_vectors_06_to_12_responses(route, send, vector, returned, status, body, content_type):
    route(lambda request: returned)
    response = send("GET")
    assert response.status == status
    if content_type == "application/json" and body[:1] in b"[{":
        assert response.json == json.loads(body)
    else:
        assert response.body == body
    if content_type:
        assert response.header("content-type") == content_type


def test_vector_11_headers_as_a_list(route, send):
    route(lambda request: {"headers": ["Set-Cookie: a=1", "Set-Cookie: b=2", "bad", 7]})
    response = send("GET")
    assert response.header_values("set-cookie") == ["a=1", "b=2"]
    assert response.body == b"{}"


def test_integral_float_status_is_a_status(route, send):
    route(lambda request: {"status_code": 404.0})
    assert send("GET").status == 404


@pytest.mark.parametrize(
    ("content_type", "body", "seen"),
    [
        ("application/json", b'{"a":[1,{"b":null}]}', {"a": [1, {"b": None}]}),
        ("application/json; charset=utf-8", b'"text"', "text"),
        ("application/json", b"{bad", None),  # 14
        ("application/json", b"", None),
        (None, b'{"a":1}', None),  # 15
        ("text/plain", b"hi", None),  # 13, without the channel
        ("Application/JSON", b'{"a":1}', None),
    ],
)
def test_vectors_13_to_15_request_bodies(route, send, content_type, body, seen):
    route(lambda request: {"body": {"seen": request["body"]}}, method="POST")
    headers = {"content-type": content_type} if content_type else {}
    response = send("POST", "r", body, headers)
    assert (response.status, response.json) == (200, {"seen": seen})


def test_vector_16_parameters_and_query(route, send, prefix):
    # The SDK turns the channel references into objects, which can't be sent back.
    channels = ("request_body", "response")
    route(lambda request: {"body": {k: v for k, v in request.items() if k not in channels}}, "x/:id")
    response = send("GET", "x/a%2Fb?q=1&q=2&e=a+b&u=%C3%A4&flag&none=", None, {"X-Custom": "V", "Cookie": "a=1"})
    seen = response.json
    assert seen["path_params"] == {"id": "a%2Fb"}
    assert seen["query_params"] == {"q": "2", "e": "a b", "u": "ä", "flag": "", "none": ""}
    assert (seen["method"], seen["path"]) == ("GET", f"{prefix}/x/:id")
    assert seen["trigger"] == {"type": "http", "path": f"{prefix}/x/:id", "method": "GET"}
    assert seen["headers"]["x-custom"] == "V" and seen["headers"]["cookie"] == "a=1"
    assert seen["body"] is None
    assert "_caller_worker_id" not in seen


def test_literal_beats_parameter_with_backtracking(route, send):
    route(lambda request: {"body": "two"}, ":a/:b")
    route(lambda request: {"body": "three"}, "secret/:id/path")
    assert send("GET", "secret/9").json == "two"
    assert send("GET", "secret/9/path").json == "three"


@pytest.mark.parametrize(("verdict", "runs"), [(0, True), (False, False), (None, True), ("", True)])
def test_vector_17_condition(route, send, worker, prefix, verdict, runs):
    seen: list[dict] = []

    def condition(data):
        seen.append(data)
        return verdict

    worker.function(f"{prefix}::if", condition)
    route(lambda request: {"body": "ran"}, condition_function_id=f"{prefix}::if")
    response = send("GET")
    if runs:
        assert (response.status, response.json) == (200, "ran")
    else:
        message = {"code": "CONDITION_NOT_MET", "message": "Request condition not met"}
        assert (response.status, response.json) == (422, {"error": message, "skipped": True})
    assert not {"request_body", "response"} & set(seen[0])


def test_missing_condition(route, send, prefix):
    route(lambda request: {"body": "ran"}, condition_function_id=f"{prefix}::missing")
    response = send("GET")
    assert response.status == 500
    assert error_of(response)["code"] == "function_not_found"


def test_vector_20_handler_raises(route, send):
    def fail(request):
        raise ValueError("boom")

    route(fail)
    response = send("GET")
    error = error_of(response)
    assert (response.status, error["code"], error["message"]) == (500, "invocation_failed", "boom")
    assert re.fullmatch("[0-9a-f]{1,12}", error["error_id"])
    assert b"Traceback" not in response.body, "stack traces are never sent"


def test_vector_21_function_gone(shared_engine, worker, prefix, send):
    reference = worker.function(f"{prefix}::gone", lambda request: {"body": 1})
    worker.bind("http", f"{prefix}::gone", {"api_path": f"{prefix}/r"})
    assert send("GET").status == 200
    reference.unregister()
    eventually(lambda: not worker.is_registered(f"{prefix}::gone"), "the function is gone")
    response = send("GET")
    error = error_of(response)
    assert (response.status, error["code"]) == (500, "function_not_found")
    assert error["message"] == f"Function {prefix}::gone not found"


def test_vector_28_conflicting_parameter_names(route, send, worker, prefix):
    route(lambda request: {"body": request["path_params"]}, "c/:a/:b")
    worker.function(f"{prefix}::second", lambda request: {"body": "second"})
    settings = {"api_path": f"{prefix}/c/:b/:a", "http_method": "GET"}
    worker.client.register_trigger({"type": "http", "function_id": f"{prefix}::second", "config": settings})
    worker.function(f"{prefix}::later", lambda data: 1)  # the registration before it has been handled
    assert worker.trigger_ids(f"{prefix}::second") == [], "a rejected trigger isn't listed"
    assert send("GET", "c/1/2").json == {"a": "1", "b": "2"}


def test_same_shape_under_another_method_keeps_its_own_names(route, send):
    route(lambda request: {"body": request["path_params"]}, "m/:x", "GET")
    route(lambda request: {"body": request["path_params"]}, "m/:y", "POST")
    assert send("GET", "m/1").json == {"x": "1"}
    assert send("POST", "m/1").json == {"y": "1"}


def test_vector_29_takeover_survives_the_first_owner(connect, send, prefix):
    first, second = connect(), connect()
    for worker, name in ((first, "first"), (second, "second")):
        worker.function(f"{prefix}::{name}", lambda request, name=name: {"body": name})
        worker.bind("http", f"{prefix}::{name}", {"api_path": f"{prefix}/r"})
    assert send("GET").json == "second"
    first.close()
    eventually(lambda: not second.is_registered(f"{prefix}::first"), "the first worker is gone")
    assert send("GET").json == "second"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_with_a_json_body(route, shared_engine, prefix, method):
    route(lambda request: {"body": {"method": request["method"], "body": request["body"]}}, method=method)
    response = request_json(shared_engine.http_port, method, f"/{prefix}/r", {"n": 1})
    assert response.json == {"method": method, "body": {"n": 1}}


def test_head_runs_the_get_route_without_a_body(route, send):
    route(lambda request: {"body": {"method": request["method"]}})
    response = send("HEAD")
    assert (response.status, response.body) == (200, b"")


def test_engine_refuses_an_http_trigger_without_a_path(worker, prefix):
    arguments = {"trigger_type": "http", "function_id": f"{prefix}::f", "config": {}}
    with pytest.raises(InvocationError) as caught:
        worker.trigger("engine::register_trigger", arguments)
    assert caught.value.code == "trigger_registration_failed"
    assert caught.value.message == "api_path is required for http triggers"


@pytest.mark.skipif(not HAS_METADATA, reason="metadata came with SDK 0.21")
def test_trigger_metadata(worker, send, prefix):
    def handler(request, metadata=None):
        return {"body": metadata}

    worker.function(f"{prefix}::meta", handler)
    worker.bind("http", f"{prefix}::meta", {"api_path": f"{prefix}/r"}, metadata={"tenant": "a"})
    assert send("GET").json == {"tenant": "a"}


def test_requests_at_once(route, shared_engine, prefix):
    all_here = threading.Barrier(10, timeout=PATIENCE_SECONDS)

    def handler(data):
        all_here.wait()  # passes only if ten handlers run at the same time
        return {"body": data["query_params"]["n"]}

    route(handler)
    answers: list[str] = []

    def ask(n: int) -> None:
        answers.append(request(shared_engine.http_port, "GET", f"/{prefix}/r?n={n}").json)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert sorted(answers, key=int) == [str(n) for n in range(10)]


def test_vector_23_timeout(engine_factory, connect, prefix):
    engine = engine_factory("timeout", http="default_timeout: 300").start()
    worker = connect(engine=engine)
    release = threading.Event()
    worker.function(f"{prefix}::slow", lambda data: release.wait(PATIENCE_SECONDS))
    worker.bind("http", f"{prefix}::slow", {"api_path": "slow"})
    response = request(engine.http_port, "GET", "/slow")
    release.set()
    assert response.status == 504
    assert error_of(response) == {"code": "TIMEOUT", "message": "Request timed out"}
    assert response.header("access-control-allow-origin") == "*"
