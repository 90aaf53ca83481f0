"""The functions of openapi/guides/receivers.md, as they stand there: each language that is at hand says yes to what Posthorn
signs, and no to everything else."""

import base64
import hashlib
import hmac
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "openapi/guides/receivers.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.S | re.M))

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
BODY = '{"id":"evt_1","type":"user.created","data":{"name":"Zoë ☃","n":1.0}}'.encode()


def standard(secret, id, stamp, body=BODY):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, f"{id}.{stamp}.".encode() + body, "sha256")).decode()


def simple(secret, body=BODY):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def vectors():
    """Name, body, the four headers, and whether verify and verify_simple say yes."""
    now = int(time.time())
    good, plain = standard(SECRET, "evt_1", now), simple(SECRET)
    old, ahead = str(now - 600), str(now + 600)
    return [
        ("good", BODY, "evt_1", str(now), good, plain, True, True),
        ("a body without bytes", b"", "evt_1", str(now), standard(SECRET, "evt_1", now, b""), simple(SECRET, b""), True, True),
        ("a tampered body", BODY + b" ", "evt_1", str(now), good, plain, False, False),
        ("another id", BODY, "evt_2", str(now), good, plain, False, True),
        ("a later time", BODY, "evt_1", str(now + 1), good, plain, False, True),
        ("within the tolerance", BODY, "evt_1", str(now - 240), standard(SECRET, "evt_1", now - 240), plain, True, True),
        ("old", BODY, "evt_1", old, standard(SECRET, "evt_1", old), plain, False, True),
        ("from the future", BODY, "evt_1", ahead, standard(SECRET, "evt_1", ahead), plain, False, True),
        ("a time that is none", BODY, "evt_1", "now", standard(SECRET, "evt_1", "now"), plain, False, True),
        ("replaced, ours first", BODY, "evt_1", str(now), good + " " + standard(OTHER, "evt_1", now), plain, True, True),
        ("replaced, ours last", BODY, "evt_1", str(now), standard(OTHER, "evt_1", now) + " " + good, plain, True, True),
        ("beside v1a", BODY, "evt_1", str(now), "v1a,AAAA " + good, plain, True, True),
        ("another version", BODY, "evt_1", str(now), good.replace("v1,", "v2,"), plain.replace("256", "512"), False, False),
        ("another secret", BODY, "evt_1", str(now), standard(OTHER, "evt_1", now), simple(OTHER), False, False),
        ("cut short", BODY, "evt_1", str(now), good[:-4], plain[:-2], False, False),
        ("nothing but the version", BODY, "evt_1", str(now), "v1,", "sha256=", False, False),
        ("no id", BODY, None, str(now), standard(SECRET, "", now), plain, False, True),
        ("no time", BODY, "evt_1", None, standard(SECRET, "evt_1", ""), plain, False, True),
        ("no signatures", BODY, "evt_1", str(now), None, None, False, False),
    ]


# Each main reads a vector a line: the secret, the body as hex (- for none), then the four headers, "-" for one that is not there.
MAINS = {
    "python": """
import sys
for line in sys.stdin:
    secret, body, *values = line.rstrip("\\n").split("\\t")
    names = "webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature"
    headers = {name: value for name, value in zip(names, values) if value != "-"}
    body = bytes.fromhex(body.strip("-"))
    print(int(verify(body, headers, secret)), int(verify_simple(body, headers, secret)))
""",
    "js": """
for (const line of require("node:fs").readFileSync(0, "utf8").trimEnd().split("\\n")) {
  const [secret, body, ...values] = line.split("\\t");
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature"];
  const headers = Object.fromEntries(names.map((name, i) => [name, values[i]]).filter(([, value]) => value !== "-"));
  const bytes = Buffer.from(body, "hex");
  console.log(Number(verify(bytes, headers, secret)), Number(verifySimple(bytes, headers, secret)));
}
""",
    "go": """package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	names := []string{"webhook-id", "webhook-timestamp", "webhook-signature", "X-Webhook-Signature"}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		cells := strings.Split(lines.Text(), "\\t")
		body, _ := hex.DecodeString(strings.Trim(cells[1], "-"))
		headers := http.Header{}
		for i, name := range names {
			if cells[i+2] != "-" {
				headers.Set(name, cells[i+2])
			}
		}
		n := map[bool]int{true: 1}
		fmt.Println(n[Verify(body, headers, cells[0], 5*time.Minute)], n[VerifySimple(body, headers, cells[0])])
	}
}
""",
    "java": """
final class Main {
    public static void main(String[] none) {
        var names = java.util.List.of("webhook-id", "webhook-timestamp", "webhook-signature", "X-Webhook-Signature");
        new java.io.BufferedReader(new java.io.InputStreamReader(System.in)).lines().forEach(line -> {
            String[] cells = line.split("\\t");
            byte[] body = HexFormat.of().parseHex(cells[1].replace("-", ""));
            Function<String, String> header = name -> {
                String value = cells[names.indexOf(name) + 2];
                return value.equals("-") ? null : value;
            };
            System.out.println((Webhooks.verify(body, header, cells[0], 300) ? 1 : 0) + " "
                + (Webhooks.verifySimple(body, header, cells[0]) ? 1 : 0));
        });
    }
}
""",
    "php": """
while (($line = fgets(STDIN)) !== false) {
    [$secret, $body, $id, $stamp, $signature, $simple] = explode("\\t", rtrim($line, "\\n"));
    $headers = array_filter(['webhook-id' => $id, 'webhook-timestamp' => $stamp, 'webhook-signature' => $signature,
        'x-webhook-signature' => $simple], fn($value) => $value !== '-');
    $bytes = hex2bin(trim($body, '-'));
    echo (int) verify($bytes, $headers, $secret), ' ', (int) verify_simple($bytes, $headers, $secret), "\\n";
}
""",
    "ruby": """
STDIN.each_line(chomp: true) do |line|
  secret, body, *values = line.split("\\t")
  names = %w[webhook-id webhook-timestamp webhook-signature x-webhook-signature]
  headers = names.zip(values).reject { |_, value| value == "-" }.to_h
  bytes = [body.delete("-")].pack("H*")
  puts "#{verify(bytes, headers, secret) ? 1 : 0} #{verify_simple(bytes, headers, secret) ? 1 : 0}"
end
""",
}

# Language: the tool, the files, and the command that runs them.
LANGUAGES = {
    "python": ("python3", ["main.py"], ["main.py"]),
    "js": ("node", ["main.js"], ["main.js"]),
    "go": ("go", ["verify.go", "main.go"], ["run", "verify.go", "main.go"]),
    "java": ("java", ["Main.java"], ["-XX:TieredStopAtLevel=1", "Main.java"]),
    "php": ("php", ["main.php"], ["main.php"]),
    "ruby": ("ruby", ["main.rb"], ["main.rb"]),
}
NOT_RUN = {"rust": "Rust has no HMAC of its own, and the tests fetch no crates", "csharp": "C# needs a project to build it in"}


def test_the_guide_has_all_languages():
    assert set(SNIPPETS) == set(LANGUAGES) | set(NOT_RUN)


def program(language):
    """The files' texts: the snippet, then what calls it."""
    snippet, main = SNIPPETS[language], MAINS[language]
    if language == "go":
        return [snippet, main]
    if language == "java":  # `java FILE` runs the first class of the file
        head, classes = snippet.split("final class", 1)
        return [head + main + "\nfinal class" + classes]
    return [snippet + main]


@pytest.mark.parametrize("language", [*LANGUAGES, *NOT_RUN])
def test_a_receiver_of_the_guide(language, tmp_path):
    if language in NOT_RUN:
        pytest.skip(NOT_RUN[language])
    tool, files, arguments = LANGUAGES[language]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on this machine")
    for name, text in zip(files, program(language), strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    cases = vectors()
    lines = ["\t".join([SECRET, body.hex() or "-", *(value or "-" for value in headers)])
             for _, body, *headers, _, _ in cases]
    ran = subprocess.run([tool, *arguments], cwd=tmp_path, input="\n".join(lines) + "\n", text=True,
                         capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    said = [tuple(word == "1" for word in line.split()) for line in ran.stdout.splitlines()]
    assert dict(zip((name for name, *_ in cases), said, strict=True)) == {name: (a, b) for name, *_, a, b in cases}
