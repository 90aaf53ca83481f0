"""The commands that ask the API: what they print, what they end with, and what no answer can make of them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from harness import replies
from harness.server import SANITIZER_OPTIONS, binary, command
from harness.wait import until

NOWHERE = "http://127.0.0.1:1"
JSON = [("Content-Type", "application/json")]


def environment(url=None, key=None, **more):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SANITIZER_OPTIONS}
    env.update({name: os.environ[name] for name in SANITIZER_OPTIONS if name in os.environ})
    given = {"POSTHORN_URL": url, "POSTHORN_KEY": key, **more}
    env.update({name: str(value) for name, value in given.items() if value is not None})
    return env


def run(env, *arguments, expect=0, **more):
    out = command(env, *arguments, **more)
    assert out.returncode == expect, (arguments, out.returncode, out.stdout[-500:], out.stderr[-2000:])
    return out


@pytest.fixture
def cli(shared, api):
    """cli("webhooks", "list") → what it printed, as the tenant."""
    env = environment(f"http://127.0.0.1:{shared.port}", api.key)

    def call(*arguments, expect=0, **more):
        return run(env, *arguments, expect=expect, **more)

    def data(*arguments, expect=0, **more):
        return json.loads(call(*arguments, "--json", expect=expect, **more).stdout)

    call.json, call.env = data, env
    return call


def listed(text):
    """The commands of a list, "webhooks get WEBHOOK   Shows …": their words."""
    names = re.findall(r"^  ((?:[a-z]+ ?)+?)(?: [A-Z]+)* {2,}[A-Z]", text, re.M)
    return [name.strip() for name in names]


@pytest.fixture(scope="module")
def commands():
    text = run(environment(), "--help").stdout
    names = listed(text[text.index("These ask the API") :])
    assert {"webhooks list", "send", "replay", "trigger", "completions", "trace"} <= set(names)
    return names


def flags_of(env, name):
    names = re.findall(r"^  --([a-z-]+)", run(env, *name.split(), "--help").stdout, re.M)
    assert len(names) == len(set(names)), f"{name}: two flags of a name"
    return set(names)


@pytest.fixture(scope="module")
def flags(commands):
    env = environment(NOWHERE, "k")
    return {name: flags_of(env, name) for name in commands}


# --- help, completions, man page ------------------------------------------------------------------------


def test_every_command_has_help_with_an_example(commands):
    env = environment(NOWHERE, "k")
    for name in commands:
        text = run(env, *name.split(), "--help").stdout
        assert text.startswith(f"usage: posthorn {name}"), text
        example = text.split("\nExample:\n")[1].split("\n\n")[0]
        assert f"posthorn {name}" in example, text
        assert "Exit status:\n  0  done" in text


def test_completions_and_man_page_name_every_command_and_flag(flags):
    made = {shell: run(environment(), "completions", shell).stdout for shell in ("bash", "zsh", "fish")}
    made["man"] = run(environment(), "manual").stdout.replace("\\-", "-")
    for name, own in flags.items():
        assert f"\n.SS {name}" in made["man"]
        for text in made.values():
            assert all(word in text for word in name.split())
            missing = {flag for flag in own if not re.search(rf"(--|-l ){flag}\b", text)}
            assert not missing, (name, missing)
    assert run(environment(), "completions", "tcsh", expect=2).stderr


def completed(script, *words):
    """What bash offers after `words`, of which the last is being typed."""
    program = f"""source {script}
COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}; _posthorn
printf '%s\\n' "${{COMPREPLY[@]}}"; complete -p posthorn"""
    out = subprocess.run(["bash", "-eu", "-c", program], capture_output=True, text=True, timeout=20)
    assert (out.returncode, out.stderr) == (0, "")
    return set(out.stdout.split("\ncomplete ")[0].split())


def test_bash_completes(flags, tmp_path):
    script = tmp_path / "posthorn.bash"
    script.write_text(run(environment(), "completions", "bash").stdout)
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    assert completed(script, "posthorn", "") >= {"serve", "webhooks", "send", "completions"}
    assert completed(script, "posthorn", "webh") == {"webhooks"}
    assert completed(script, "posthorn", "webhooks", "re") == {"resume"}
    assert completed(script, "posthorn", "webhooks", "") == {
        name.split()[1] for name in flags if name.startswith("webhooks ")
    }
    for name, own in flags.items():
        assert completed(script, "posthorn", *name.split(), "--") == {f"--{flag}" for flag in own}
    assert completed(script, "posthorn", "send", "user.created", "--wa") == {"--wait", "--wait-seconds"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_their_completions(shell, tmp_path):
    script = tmp_path / shell
    script.write_text(run(environment(), "completions", shell).stdout)
    subprocess.run([shell, "-n", script], check=True, timeout=20)


# --- the command line, the profile ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["webhooks"], "posthorn webhooks"),
        (["webhooks", "lst"], "there is no posthorn webhooks lst"),
        (["webhooks", "list", "--limt", "3"], "there is no --limt; see posthorn webhooks list --help"),
        (["webhooks", "list", "--limit"], "--limit needs a value"),
        (["webhooks", "list", "--limit", "many"], "--limit must be a whole number"),
        (["webhooks", "list", "--limit=1", "--limit=2"], "--limit is there twice"),
        (["webhooks", "list", "--json=1"], "--json takes no value"),
        (["webhooks", "list", "-x"], "there is no -x"),
        (["webhooks", "list", "--timeout", "0"], "--timeout must be a number from 1 to 3600"),
        (["webhooks", "get"], "say which: posthorn webhooks get WEBHOOK"),
        (["webhooks", "get", "a", "b"], "'b' is one word too many"),
        (["webhooks", "get", ".."], "'..' names nothing"),
        (["webhooks", "update", "a"], "nothing to change"),
        (["webhooks", "create", "--data", "{"], "--data is not JSON"),
        (["webhooks", "create", "--data", "@/nonexistent"], "/nonexistent cannot be read"),
        (["webhooks", "create", "--data", "{}", "--endpoint", "x"], "--data is the whole body"),
        (["webhooks", "delete", "x" * 9000], "that is too long for a URL"),
        (["trigger", "x" * 9000], "that is too long for a URL"),
        (["send", "a", "--idempotency-key", "a\r\nX: b"], "--idempotency-key must be visible"),
    ],
)
def test_wrong_usage(arguments, said):
    out = run(environment(NOWHERE, "k"), *arguments, expect=2)
    assert said in out.stderr and not out.stdout


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        (None, "k", "where is the API? Set POSTHORN_URL"),
        (NOWHERE, None, "set POSTHORN_KEY"),
        ("ftp://x", "k", "must start with http:// or https://"),
        ("http://u:p@x", "k", "must not contain a user name or password"),
        (NOWHERE, "a\r\nX-Other: b", "POSTHORN_KEY has a control character"),
    ],
)
def test_what_is_needed(url, key, said):
    assert said in run(environment(url, key), "webhooks", "list", expect=2).stderr


def write_profile(folder, text, mode=0o600):
    path = folder / "posthorn" / "profile"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_profile_file(cli, tmp_path):
    url, key = cli.env["POSTHORN_URL"], cli.env["POSTHORN_KEY"]
    write_profile(tmp_path, f"# mine\nurl = {NOWHERE}\nkey = k\n\n[here]\nurl={url}\nkey={key}\n")
    env = environment(XDG_CONFIG_HOME=tmp_path)
    assert "refused" in run(env, "webhooks", "list", expect=3).stderr
    assert run(env, "webhooks", "list", "--profile", "here").stdout.startswith("ID")
    assert run({**env, "POSTHORN_PROFILE": "here"}, "webhooks", "list").stdout.startswith("ID")
    assert "no section [other]" in run(env, "webhooks", "list", "--profile", "other", expect=2).stderr
    # A key is for the URL beside it.
    out = run({**env, "POSTHORN_URL": "http://127.0.0.1:2"}, "webhooks", "list", expect=2)
    assert "no key for http://127.0.0.1:2" in out.stderr


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_profile_that_others_can_reach(mode, tmp_path):
    path = write_profile(tmp_path, f"url={NOWHERE}\nkey=k\n", mode)
    out = run(environment(XDG_CONFIG_HOME=tmp_path), "webhooks", "list", expect=2)
    assert f"chmod 600 {path}" in out.stderr


@pytest.mark.parametrize("text", ["url\n", "colour = red\n", "url = " + "x" * 3000 + "\n", "k" * 70000])
def test_profile_that_is_wrong(text, tmp_path):
    write_profile(tmp_path, text)
    assert "profile" in run(environment(XDG_CONFIG_HOME=tmp_path), "webhooks", "list", expect=2).stderr


# --- the commands ---------------------------------------------------------------------------------------


def test_webhooks(cli, receiver):
    made = cli.json("webhooks", "create", "--endpoint", receiver.url(), "--events", "user.*,order.paid", "--uid", "mine")
    assert made["secret"].startswith("whsec_") and made["events"] == ["user.*", "order.paid"]
    text = cli("webhooks", "list").stdout
    assert text.split("\n")[0].split() == ["ID", "URL", "EVENTS", "STATUS", "CREATED"]
    assert made["id"] in text and "user.*, order.paid" in text and "\t" not in text
    assert re.search(rf"^id +{made['id']}$", cli("webhooks", "get", "mine").stdout, re.M)
    assert cli.json("webhooks", "update", "mine", "--data", "-", input='{"timeout_ms":2000}')["timeout_ms"] == 2000
    assert cli.json("webhooks", "update", "mine", "--headers", '{"X-A":"b"}', "--concurrency=2")["concurrency"] == 2
    assert cli.json("webhooks", "pause", "mine")["status"] == "paused"
    assert cli.json("webhooks", "resume", "mine")["status"] == "active"
    assert cli.json("webhooks", "preview", "mine", "--type", "user.created")["method"] == "POST"
    assert cli.json("webhooks", "rotate", "mine")["secret"] != made["secret"]
    assert cli.json("webhooks", "test", "mine")["status"] == "delivered"
    receiver.script("/hook", replies.answer(401))
    assert cli.json("webhooks", "test", "mine", expect=1)["response_code"] == 401
    assert cli("webhooks", "delete", "mine").stdout == "mine is deleted\n"
    missing = cli("webhooks", "get", "mine", expect=1)
    assert not missing.stdout and missing.stderr.startswith("posthorn: Not found: ")


def test_all_pages(cli, api):
    names = [f"t.n{n}" for n in range(7)]
    for name in names:
        api.post("/event-types", {"name": name}, expect=201)
    out = cli("types", "list", "--limit", "3")
    assert len(out.stdout.splitlines()) == 4 and "There is more" in out.stderr
    cursor = re.search(r"--cursor (\S+)", out.stderr)[1]
    assert len(cli.json("types", "list", "--limit", "3", "--cursor", cursor)["data"]) == 3
    whole = cli.json("types", "list", "--limit", "3", "--all")
    assert [t["name"] for t in whole["data"]] == names and whole["next_cursor"] is None
    assert cli.json("types", "list") == {**cli.json("types", "list", "--all"), "next_cursor": None}


def test_errors_of_fields_stand_on_lines(cli):
    out = cli("webhooks", "create", "--endpoint", "nonsense", "--timeout-ms", "-1", expect=1)
    lines = out.stderr.splitlines()
    assert lines[0].startswith("posthorn: ") and not out.stdout
    assert {line.split(":")[0] for line in lines[1:]} >= {"  url", "  timeout_ms"}


def test_send_and_wait(cli, api, receiver):
    sent = cli.json("send", "user.created", "--data", '{"n": 1}')
    assert sent["deliveries"] == 0
    assert "No webhook wants this type" in cli("send", "user.created").stderr
    api.webhook(url=receiver.url())
    waited = cli.json("send", "user.created", "--data", '{"n": 2}', "--wait", "--idempotency-key", "k")
    assert [d["status"] for d in waited["data"]] == ["delivered"] and receiver.wait(1)[0].json["data"] == {"n": 2}
    again = cli.json("send", "user.created", "--data", '{"n": 2}', "--idempotency-key", "k")
    assert again["id"] == waited["data"][0]["event_id"]
    receiver.script("/hook", replies.answer(500))
    out = cli("send", "user.created", "--wait", expect=1)
    assert re.search(r"pending +500 +http_status", out.stdout) and "posthorn trace DELIVERY" in out.stderr


def test_deliveries_retry_and_trace(cli, api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(url=receiver.url(), retry_schedule=[])
    api.publish()
    delivery = api.settled(webhook, "failed")
    assert delivery["id"] in cli("deliveries", "list", "--status", "failed", "--webhook-id", webhook["id"]).stdout
    out = cli("trace", delivery["id"]).stdout.splitlines()
    assert delivery["id"] in out[0] and "attempt 1 failed, answered 500" in out[1] and out[2].startswith("Now: failed")
    cli("retry", delivery["id"])
    api.settled(webhook)
    assert [a["number"] for a in cli.json("deliveries", "attempts", delivery["id"])["data"]] in ([2, 1], [1, 2])
    assert cli.json("events", "get", delivery["event_id"])["deliveries"][0]["status"] == "delivered"


def test_trigger(cli, api, receiver):
    assert "posthorn types list" in cli("trigger", "user.created", expect=1).stderr
    cli("types", "create", "--name", "user.created")
    assert "posthorn types update user.created --example" in cli("trigger", "user.created", expect=1).stderr
    cli("types", "update", "user.created", "--example", '{"id": 7}')
    api.webhook(url=receiver.url())
    cli("trigger", "user.created", "--wait")
    assert receiver.wait(1)[0].json["data"] == {"id": 7}


def test_replay(cli, api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(500), replies.answer(200), replies.answer(200))
    webhook = api.webhook(url=receiver.url(), retry_schedule=[])
    for _ in range(2):
        api.publish()
    until(lambda: len(cli.json("deliveries", "list", "--status", "failed")["data"]) == 2, 10, "both to fail")
    dry = cli.json("replay", webhook["id"], "--dry-run")
    assert dry["matched"] == 2 and dry["id"] is None
    done = cli.json("replay", webhook["id"], "--since", "2020-01-01T00:00:00Z")
    assert (done["status"], done["done"]) == ("done", 2)
    assert cli.json("jobs", "get", done["id"])["kind"] == "replay"


def test_keys_and_apps_of_an_operator(shared, tenant):
    env = environment(f"http://127.0.0.1:{shared.port}", shared.client().key)
    app = tenant.app["id"]
    made = json.loads(run(env, "keys", "create", "--name", "x", "--scope", "read", "--app", app, "--json").stdout)
    assert made["app_id"] == app
    assert run({**env, "POSTHORN_KEY": made["key"]}, "webhooks", "list")
    refused = run({**env, "POSTHORN_KEY": made["key"]}, "types", "create", "--name", "a", expect=1)
    assert "posthorn keys create" in refused.stderr
    assert "is revoked" in run(env, "keys", "revoke", made["id"]).stdout
    unknown = run({**env, "POSTHORN_KEY": made["key"]}, "webhooks", "list", expect=1)
    assert "POSTHORN_KEY" in unknown.stderr
    assert tenant.app["name"] in run(env, "apps", "get", app).stdout


# --- answers that are none ------------------------------------------------------------------------------

TERMINAL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]")
EVIL = 'a\x1b]0;x\x07\x9b31m\u202e\x7f'


@pytest.fixture
def fake(receiver):
    """fake(reply) → the environment for a server that answers so."""

    def made(*steps, path="/v1/webhooks"):
        receiver.script(path, *steps)
        return environment(receiver.url(""), "k")

    return made


@pytest.mark.parametrize("flags_", [[], ["--json"], ["--all"]])
def test_nothing_that_a_terminal_obeys(fake, flags_):
    text = EVIL.replace("\x1b", "\\u001b").replace("\x07", "\\u0007")
    body = f'{{"data":[{{"id":"{text}","url":"{text}","events":["{text}"]}}],"next_cursor":null}}'.encode()
    env = fake(replies.answer(200, body, JSON))
    out = subprocess.run([binary(), "webhooks", "list", *flags_], env=env, capture_output=True, timeout=20)
    assert out.returncode == 0 and not TERMINAL.search(out.stdout), out.stdout
    if "--json" in flags_:
        assert json.loads(out.stdout)["data"][0]["id"] == EVIL


def test_errors_too(fake):
    body = json.dumps({"code": "x", "title": EVIL, "detail": EVIL, "errors": [{"field": EVIL, "message": EVIL}, 7]})
    env = fake(replies.answer(422, body.encode(), JSON))
    out = subprocess.run([binary(), "webhooks", "list"], env=env, capture_output=True, timeout=20)
    assert out.returncode == 1 and not TERMINAL.search(out.stderr), out.stderr


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (replies.answer(500, b"<html>\x1b[31m</html>"), "answers 500 with something"),
        (replies.answer(200, b"<html></html>"), "answers 200 with something"),
        (replies.answer(301, b"", [("Location", "/")]), "answers 301 with something"),
        (replies.answer(200, b'{"data":[' + b"[" * 90 + b"]" * 90 + b"]}"), "answers 200 with something"),
        (replies.endless(b" " * 65536, replies.head(200, size=1 << 40)), "longer than 32 MiB"),
        (replies.raw(replies.head(200, size=100) + b'{"data":'), "broke off"),
        (replies.close(), "cannot reach the API"),
        (replies.raw(b"SSH-2.0-x\r\n\r\n"), "cannot reach the API"),
        (replies.hang(), "--timeout waits longer"),
    ],
)
def test_not_of_the_api(fake, reply, said):
    out = run(fake(reply), "webhooks", "list", "--timeout", "1", expect=3)
    assert said in out.stderr and not out.stdout and "\x1b" not in out.stderr


@pytest.mark.parametrize("body", [b"[]", b"7", b"{}", b'{"data":7,"next_cursor":7}', b'{"data":[7,null,[]]}'])
@pytest.mark.parametrize("words", [["webhooks", "list"], ["webhooks", "list", "--all"], ["webhooks", "create"]])
def test_json_of_another_form(fake, body, words):
    assert run(fake(replies.answer(200, body, JSON)), *words).returncode == 0


def test_nobody_there():
    assert "Is posthorn serve running there?" in run(environment(NOWHERE, "k"), "webhooks", "list", expect=3).stderr
    out = run(environment("http://nobody.invalid", "k"), "webhooks", "list", expect=3)
    assert "spelt right" in out.stderr


# --- a terminal -----------------------------------------------------------------------------------------


def test_table_fits_the_terminal(fake):
    row = {"id": "wh_" + "1" * 26, "url": "https://" + "ü" * 200, "events": ["*"], "status": "active", "created_at": "x"}
    env = fake(replies.answer(200, json.dumps({"data": [row], "next_cursor": None}).encode(), JSON))
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    program = "import fcntl,struct,sys,termios,os\nfcntl.ioctl(1,termios.TIOCSWINSZ,struct.pack('HHHH',24,80,0,0))\n"
    program += "os.execv(sys.argv[1],sys.argv[1:])"
    argv = [sys.executable, "-c", program, binary(), "webhooks", "list"]
    subprocess.run(argv, env=env, stdout=follower, timeout=20, check=True)
    lines = os.read(leader, 65536).decode().splitlines()
    os.close(leader)
    os.close(follower)
    assert len(lines) == 2 and max(map(len, lines)) <= 80 and row["id"] in lines[1] and "…" in lines[1]


def test_replay_is_left_with_a_word(fake, receiver):
    job = {"id": "job_1", "status": "running", "matched": 10, "done": 3}
    body = json.dumps(job).encode()
    env = fake(*[replies.answer(202, body, JSON)] * 99, path="/v1/webhooks/wh/replay")
    receiver.script("/v1/jobs/job_1", *[replies.answer(200, body, JSON)] * 99)
    process = subprocess.Popen([binary(), "replay", "wh"], env=env, stdout=-1, stderr=-1, text=True)
    receiver.wait(1, "/v1/jobs/job_1")
    time.sleep(0.05)  # it is in its pause, or asks: both must end
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=20)
    assert process.returncode == 130 and not out
    assert "posthorn jobs get job_1" in said and "posthorn jobs cancel job_1" in said


def test_issues(cli, api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    listed = ("issues", "list", "--status", "open", "--webhook-id", webhook["id"])
    row = until(lambda: re.search(r"(iss_\w+) .*http_status +500 +open", cli(*listed).stdout), 15, "the issue")
    assert cli.json("issues", "update", row[1], "--status", "resolved")["status"] == "resolved"
    assert cli.json("issues", "get", row[1])["retry"]["webhook_id"] == webhook["id"]


def test_sources(cli):
    made = cli.json("sources", "create", "--kind", "generic", "--name", "panel", "--secret", "s", "--options", '{"type": "a.b"}')
    assert made["url"].endswith(made["token"])
    assert "panel" in cli("sources", "list").stdout
    assert cli.json("sources", "update", made["id"], "--name", "the panel")["name"] == "the panel"
    assert cli.json("sources", "rotate", made["id"], "--overlap-seconds", "0")["token"] != made["token"]
    assert "is deleted" in cli("sources", "delete", made["id"]).stdout


def test_explain_says_which_condition(cli, receiver):
    condition = '{"path": "/amount", "gt": 100}'
    hook = cli.json("webhooks", "create", "--endpoint", receiver.url(), "--events", "order.*", "--filter", condition)
    ask = ("events", "explain", "--type", "order.paid", "--with")
    small, large = (cli.json(*ask, f'{{"amount": {n}}}')["data"] for n in (7, 700))
    assert [(e["webhook_id"], e["reason"]) for e in small] == [(hook["id"], "filter")]
    assert [e["wanted"] for e in large] == [True]
    assert "/filter" in cli(*ask, '{"amount": 7}').stdout
