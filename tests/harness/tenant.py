"""An app with a key of every scope."""

import itertools
import os

SCOPES = ("write", "publish", "read")
NUMBERS = itertools.count(1)


class Tenant:
    def __init__(self, admin):
        self.admin = admin
        name = f"app-{os.getpid()}-{next(NUMBERS)}"
        self.app = admin.post("/apps", {"name": name, "uid": name}, expect=201).json
        self.clients = {}

    def client(self, scope):
        if scope not in self.clients:
            made = self.admin.post(
                "/keys",
                {"name": f"{scope} key", "scope": scope, "app_id": self.app["id"]},
                expect=201,
            ).json
            self.clients[scope] = self.admin.with_(key=made["key"])
        return self.clients[scope]

    @property
    def write(self):
        return self.client("write")

    @property
    def publish(self):
        return self.client("publish")

    @property
    def read(self):
        return self.client("read")
