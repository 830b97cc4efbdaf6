"""A TCP proxy that breaks connections in the ways that networks do, when told."""

from __future__ import annotations

import socket
import struct
import threading

CHUNK_BYTES = 1 << 16
# Small, so that a stalled link fills soon and the sender feels it.
BUFFER_BYTES = 1 << 16
NO_LINGER = struct.pack("ii", 1, 0)


class Link:
    """One proxied connection: two threads, each copying one way."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.flowing = threading.Event()
        self.flowing.set()
        # How many more bytes may go to the client before the link breaks; None is no limit.
        self.bytes_left: int | None = None

    def start(self) -> None:
        for source, target in ((self.client, self.server), (self.server, self.client)):
            threading.Thread(target=self.copy, args=(source, target), daemon=True).start()

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                self.flowing.wait()
                if target is self.client and self.bytes_left is not None:
                    chunk = chunk[: self.bytes_left]
                    self.bytes_left -= len(chunk)
                target.sendall(chunk)
                if self.bytes_left == 0:
                    break
        except OSError:
            self.reset()
        self.end()

    def end(self) -> None:
        """An orderly end of both directions."""
        for peer in (self.client, self.server):
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.close()

    def reset(self) -> None:
        """RST to both sides; what is under way is lost."""
        for peer in (self.client, self.server):
            try:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                # Wakes the thread that reads this socket, which keeps it open otherwise.
                peer.shutdown(socket.SHUT_RD)
            except OSError:
                pass
        self.close()

    def close(self) -> None:
        self.flowing.set()
        self.client.close()
        self.server.close()
        self.proxy.links.discard(self)


class Proxy:
    """Listens on a port of its own for as long as it lives, whatever happens to the server behind it."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.links: set[Link] = set()
        self.is_refusing = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.connect(client)
            except OSError:
                client.close()

    def connect(self, client: socket.socket) -> None:
        if self.is_refusing:
            client.close()
            return
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        server.connect(("127.0.0.1", self.server_port))
        for peer in (client, server):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(self, client, server)
        self.links.add(link)
        link.start()

    def reset(self) -> None:
        for link in list(self.links):
            link.reset()

    def end(self) -> None:
        for link in list(self.links):
            link.end()

    def stall(self) -> None:
        """Connections stay, bytes don't move. New connections work."""
        for link in list(self.links):
            link.flowing.clear()

    def resume(self) -> None:
        for link in list(self.links):
            link.flowing.set()

    def break_after(self, count: int) -> None:
        """Ends the connections when that many more bytes went to the client: in the middle of a frame, likely."""
        for link in list(self.links):
            link.bytes_left = count

    def close(self) -> None:
        self.listener.close()
        self.reset()
