"""A cable between a client and a real store, which a test can cut and mend."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from django.db import connections


class FaultProxy:
    """Listens on a port of its own and carries bytes to `host:port`, until it is cut.

    Who says `ignoring` with his first words is left without an answer.
    """

    def __init__(self, host: str, port: int, *, ignoring: bytes | None = None) -> None:
        self._target = (host, port)
        self._ignoring = ignoring
        self._ignored: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: set[socket.socket] = set()
        self._whole = True
        self.bytes_carried = 0
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._listener.close()
        for client in self._ignored:
            client.close()

    @contextlib.contextmanager
    def instead_of_the_database(self) -> Iterator[None]:
        """Connections that are opened from now on go through the wire; this thread keeps the one it has."""
        settings = connections["default"].settings_dict
        port, settings["PORT"] = settings["PORT"], self.port
        try:
            yield
        finally:
            settings["PORT"] = port

    def cut(self) -> None:
        """Nothing goes through, and what was open breaks."""
        self._whole = False
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """New connections go through again."""
        self._whole = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole:
                client.close()
                continue
            if self._ignoring is not None and self._ignoring in client.recv(4096, socket.MSG_PEEK):
                self._ignored.append(client)
                continue
            server = socket.create_connection(self._target)
            self._ends |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.bytes_carried += len(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class StaleCoordinator(FaultProxy):
    """A way to Kafka on which a group's first question for committed offsets is answered with "not the coordinator".

    Brokers that Kafka names are found on this way, too. Source: kafka.apache.org/protocol, OffsetFetch version 9.
    """

    OFFSET_FETCH, VERSION, NOT_COORDINATOR = 9, 9, 16

    def __init__(self, host: str, port: int, group: str) -> None:
        super().__init__(host, port)
        self._group = group.encode()
        self.refused = 0

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        if sink.getpeername() == self._target:
            self._carry_questions(source, sink)
        else:
            self._carry_answers(source, sink)

    def _carry_questions(self, client: socket.socket, kafka: socket.socket) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as questions:
            while size := questions.read(4):
                question = questions.read(*struct.unpack(">i", size))
                what, version, number = struct.unpack(">hhi", question[:8])
                if what == self.OFFSET_FETCH and not self.refused:
                    assert version == self.VERSION, version
                    self.refused += 1
                    answer = self._refusal(number)
                    client.sendall(struct.pack(">i", len(answer)) + answer)
                else:
                    kafka.sendall(size + question)

    def _refusal(self, number: int) -> bytes:
        """The question's number; no throttling; of one group its name, no topics, the error. Lengths are one more."""
        head = struct.pack(">ibibb", number, 0, 0, 2, len(self._group) + 1)
        return head + self._group + struct.pack(">bhbb", 1, self.NOT_COORDINATOR, 0, 0)

    def _carry_answers(self, kafka: socket.socket, client: socket.socket) -> None:
        host, port = self._target
        theirs, ours = (host.encode() + struct.pack(">i", each) for each in (port, self.port))
        with contextlib.suppress(OSError):
            while data := kafka.recv(1 << 20):
                client.sendall(data.replace(theirs, ours))
