"""GET /metrics, as Prometheus reads it."""

import http.client

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def ask(port, target="/metrics", method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer, answer.read().decode()
    finally:
        connection.close()


class Metrics:
    def __init__(self, port):
        self.port = port

    def families(self):
        answer, text = ask(self.port)
        assert answer.status == 200 and text.endswith("# EOF\n")
        return list(text_string_to_metric_families(text))

    def read(self):
        """Every sample, by its name, or with a label by (name, label's value)."""
        found = {}
        for family in self.families():
            for s in family.samples:
                assert len(s.labels) <= 1
                assert family.type != "histogram" or set(s.labels) <= {"le"}
                found[(s.name, *s.labels.values()) if s.labels else s.name] = s.value
        return found
