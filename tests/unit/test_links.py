"""Every link in a text of the tree leads somewhere: the file is there, and has the heading."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def prose(path):
    return re.sub(r"^ *(```|~~~).*?^ *\1 *$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)


def anchors(path):
    """As GitHub and GitLab name headings."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def broken(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            yield f"{path.relative_to(ROOT)}: {target}"


def test_links_lead_somewhere():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    texts = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    assert len(texts) > 5
    assert [link for path in texts for link in broken(path)] == []
