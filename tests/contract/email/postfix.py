"""A private Postfix: its own configuration, queue, ports and mailboxes in one folder; nothing of the host's is used."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin:/sbin:/bin")

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}
myhostname = relay.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 192.0.2.0/24
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = example.test
virtual_mailbox_maps = texthash:{root}/conf/mailboxes
virtual_mailbox_base = {root}/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
message_size_limit = 300000
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate}
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
"""

SERVICES = """
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{strict} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{wrapped} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_security_level=encrypt
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Postfix:
    def __init__(self, certificate, users):
        # Not pytest's folder: Postfix's processes give up root and must still get through.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="herald-postfix-"))
        self.root.chmod(0o755)
        user = pwd.getpwnam("nobody")
        for name in ("conf", "queue", "data", "mail", "log"):
            (self.root / name).mkdir()
        shutil.chown(self.root / "data", "postfix")
        os.chown(self.root / "mail", user.pw_uid, user.pw_gid)
        shutil.copy(certificate, self.root / "conf" / "chain.pem")
        self.ports = {"plain": free_port(), "strict": free_port(), "wrapped": free_port()}
        (self.root / "conf" / "main.cf").write_text(
            MAIN.format(root=self.root, uid=user.pw_uid, gid=user.pw_gid, certificate=self.root / "conf" / "chain.pem"))
        (self.root / "conf" / "master.cf").write_text(SERVICES.format(**self.ports))
        (self.root / "conf" / "mailboxes").write_text("".join("%s@example.test %s/\n" % (u, u) for u in users))
        self.run("start")
        for port in self.ports.values():
            self.await_port(port)

    def run(self, verb):
        done = subprocess.run([POSTFIX, "-c", str(self.root / "conf"), verb], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, timeout=60)
        if done.returncode != 0 and verb == "start":
            raise RuntimeError(done.stdout + self.log())

    def await_port(self, port):
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("Postfix does not listen: " + self.log())

    def log(self):
        file = self.root / "log" / "mail.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def connections(self):
        """Clients that said something: the probes of await_port did not."""
        return sum(1 for line in self.log().splitlines() if "disconnect from" in line and "mail=" in line)

    def mailbox(self, user, count, seconds=30):
        """The messages of a user, once there are count of them."""
        folder = self.root / "mail" / user / "new"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            files = sorted(folder.iterdir()) if folder.exists() else []
            if len(files) >= count:
                return [file.read_bytes() for file in files]
            time.sleep(0.05)
        raise AssertionError("%d of %d for %s\n%s" % (len(files), count, user, self.log()[-2000:]))

    def close(self):
        self.run("stop")
        shutil.rmtree(self.root, ignore_errors=True)
