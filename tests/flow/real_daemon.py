"""heraldd with the three real plugins; their secrets are in files of their own, as an operator would keep them."""
import json

from daemon import Daemon
from sandbox import ACCESS_KEY

BOT_SECRET = "a secret of tests"
CLIENT = f"herald-test:{BOT_SECRET}"
RESOURCE = "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_"
BOT_USER = RESOURCE + "0000000e-7a3c-11e6-5f42-8e3a0d00c0de"


class RealDaemon(Daemon):
    """http_host: where Azure is played.  relay: options of the e-mail plugin.  names: of the channels for bot, sms and email."""

    def __init__(self, http_host, relay, names=("bot", "sms", "email")):
        self.http_host, self.relay, self.names = http_host, relay, names
        super().__init__()

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return f"file:{path}"

    def configure(self, channels):
        acs = self.secret("acs", f"endpoint=http://{self.http_host}/;accesskey={ACCESS_KEY}")
        bot = {"app_id": "herald-test", "app_secret": self.secret("bot", BOT_SECRET), "tenant_id": "tenant-of-tests",
               "login_url": f"http://{self.http_host}", "service_url": f"http://{self.http_host}/teams/",
               "acs_connection_string": acs, "acs_bot_user": BOT_USER, "sender_name": "Shop"}
        sms = {"connection_string": acs, "from": "+18445550100", "countries": ["AT"]}
        mail = {"from": "shop@example.com", "from_name": "Käthes Laden", **self.relay}
        rows = [{"name": name, "plugin": plugin, "allow_insecure": "loopback", "options": options} for name, plugin, options in
                zip(self.names, ("acs_bot", "acs_sms", "email"), (bot, sms, mail))]
        (self.conf / "30-channels.yaml").write_text(json.dumps({"channels": rows}))  # JSON is YAML
