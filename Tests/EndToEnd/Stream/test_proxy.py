"""Behind nginx, as the deployment guide sets it up: a prefix that is stripped, upgrades that pass."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support.engine import PATIENCE_SECONDS, accepts_connections, free_port
from support.httpclient import request
from support.streamclient import StreamClient, briefs
from support.waiting import eventually

LOCATION = """
pid nginx.pid;
error_log error.log;
daemon off;
worker_processes 1;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server {
        listen 127.0.0.1:%(port)d;
        location /stream/ {
            proxy_pass http://127.0.0.1:%(stream_port)d/;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 3600s;
        }
    }
}
"""


@pytest.fixture
def proxied(own_streams, directory):
    """Streams and the proxy's port."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx isn't installed: apt-get install nginx-light")
    streams = own_streams()
    prefix = directory / "nginx"
    prefix.mkdir()
    port = free_port()
    config = prefix / "nginx.conf"
    config.write_text(LOCATION % {"port": port, "stream_port": streams.engine.stream_port})
    process = subprocess.Popen([nginx, "-p", str(prefix), "-c", str(config)], stderr=subprocess.DEVNULL)
    eventually(lambda: accepts_connections(port), "nginx listens")
    yield streams, port
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def test_streams_through_the_proxy(proxied, name):
    streams, port = proxied
    client = streams.client(port, path="/stream/?token=1", headers={"Sec-WebSocket-Protocol": "chat"})
    assert "sec-websocket-protocol: chat" in client.response_head.lower()
    position = client.joined(name, "g", resume=None)["position"]
    for number in range(1000):
        streams.caller.invoke("stream::set", {"stream_name": name, "group_id": "g", "item_id": "k", "data": number})
    assert [message["event"]["data"] for message in client.take(1000)] == list(range(1000))
    value = "x" * 5_000_000
    streams.set(name, "g", "large", value)
    assert briefs(client.take(1)) == [("large", "create", value)]
    assert client.close_with() < 5
    again = StreamClient(port, path="/stream/")
    assert again.joined(name, "g", resume=position)["event"] == {"type": "resumed", "missed": 1001}
    again.take(1001)
    streams.engine.stop()
    assert again.drop_code() == 1001


def test_refusals_through_the_proxy(proxied):
    _, port = proxied
    assert request(port, "GET", "/stream/chat/room-1").status == 404
    response = request(port, "GET", "/stream/")
    assert (response.status, response.body) == (400, b"`Upgrade` header did not include 'websocket'")
