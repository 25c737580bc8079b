"""A scripted SMTP server: strict in what it takes, and as hostile as a test wants it.

Each connection runs in a thread of its own.  What came in is recorded as it came, byte for byte.  A test changes the
server's manners by overriding `on_<step>` of Session; each returns the reply, or None for "as usual"."""
import socket
import ssl
import threading
import time


class Hangup(Exception):
    """End this connection now, without a word."""


class Session:
    """One connection.  Subclasses misbehave."""

    extensions = ["PIPELINING", "SIZE 20000000", "8BITMIME", "ENHANCEDSTATUSCODES"]
    starttls = False
    logins = None  # {user: password}
    greeting = b"220 relay.test ESMTP\r\n"

    def __init__(self, server, connection):
        self.server = server
        self.socket = connection
        self.buffer = b""
        self.is_tls = False
        self.user = None
        self.mail = self.rcpt = None
        self.commands = []
        self.messages = 0  # of this connection

    # --- the wire -----------------------------------------------------------------------------------------------
    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Hangup()
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            self.server.faults.append(("bare LF", line))
        return line.rstrip(b"\r")

    def content(self):
        """Up to CRLF.CRLF and nothing else; dots unstuffed."""
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            data = self.socket.recv(65536)
            if not data:
                raise Hangup()
            self.buffer += data
        if self.buffer.startswith(b".\r\n"):
            raw, self.buffer = b"", self.buffer[3:]
        else:
            raw, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
            raw += b"\r\n"
        lines = raw.split(b"\r\n")
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)

    def start_tls(self):
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        self.is_tls = True
        self.buffer = b""

    # --- the dialogue -------------------------------------------------------------------------------------------
    def run(self):
        self.begin()
        while True:
            line = self.line()
            self.commands.append(line)
            self.server.commands.append(line)
            verb = line.split(b" ")[0].split(b":")[0].upper().decode("ascii", "replace")
            reply = getattr(self, "on_" + verb.lower(), self.on_unknown)(line)
            if reply:
                self.send(reply)
            if verb == "QUIT":
                return

    def begin(self):
        self.send(self.greeting)

    def offers(self):
        lines = list(self.extensions)
        if self.starttls and not self.is_tls:
            lines.append("STARTTLS")
        if self.logins:
            lines.append("AUTH PLAIN LOGIN")
        return lines

    def on_ehlo(self, line):
        lines = ["relay.test"] + self.offers()
        text = "".join("250-%s\r\n" % each for each in lines[:-1]) + "250 %s\r\n" % lines[-1]
        return text.encode()

    def on_helo(self, line):
        return b"250 relay.test\r\n"

    def on_starttls(self, line):
        if not self.starttls:
            return b"502 5.5.1 no\r\n"
        self.send(b"220 2.0.0 go ahead\r\n")
        self.start_tls()
        return None

    def on_auth(self, line):
        import base64
        parts = line.split(b" ")
        if parts[1].upper() != b"PLAIN":
            return b"504 5.5.4 no such mechanism\r\n"
        if len(parts) < 3:
            self.send(b"334 \r\n")
            token = self.line()
        else:
            token = parts[2]
        _, user, password = base64.b64decode(token).split(b"\0")
        if (self.logins or {}).get(user.decode()) != password.decode():
            return b"535 5.7.8 Error: authentication failed\r\n"
        self.user = user.decode()
        return b"235 2.7.0 welcome\r\n"

    def on_mail(self, line):
        self.mail, self.rcpt = line, None
        return b"250 2.1.0 Ok\r\n"

    def on_rcpt(self, line):
        if not self.mail:
            return b"503 5.5.1 MAIL first\r\n"
        self.rcpt = line
        return b"250 2.1.5 Ok\r\n"

    def on_data(self, line):
        if not self.rcpt:
            return b"554 5.5.1 no valid recipients\r\n"
        self.send(b"354 go ahead\r\n")
        content = self.content()
        with self.server.lock:
            self.server.received.append((self.mail, self.rcpt, content))
        self.messages += 1
        self.mail = self.rcpt = None
        return self.on_dot(content)

    def on_dot(self, content):
        return b"250 2.0.0 Ok: queued as TEST\r\n"

    def on_bdat(self, line):
        size = int(line.split(b" ")[1])
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                raise Hangup()
            self.buffer += data
        self.buffer = self.buffer[size:]
        return b"250 2.0.0 chunk\r\n"

    def on_rset(self, line):
        self.mail = self.rcpt = None
        return b"250 2.0.0 Ok\r\n"

    def on_quit(self, line):
        return b"221 2.0.0 Bye\r\n"

    def on_unknown(self, line):
        self.server.faults.append(("unknown command", line))
        return b"500 5.5.2 what?\r\n"


class Server:
    def __init__(self, session=Session, tls=None, implicit=False):
        self.session, self.tls, self.implicit = session, tls, implicit
        self.lock = threading.Lock()
        self.connections = 0
        self.received, self.commands, self.faults, self.sessions = [], [], [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        session = self.session(self, connection)
        self.sessions.append(session)
        try:
            if self.implicit:
                session.start_tls()
            session.run()
        except (Hangup, OSError, ssl.SSLError):
            pass
        finally:
            try:
                session.socket.close()
            except OSError:
                pass

    def until(self, condition, seconds=10):
        """Wait for something that a thread of the server records."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        return condition()

    def close(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
