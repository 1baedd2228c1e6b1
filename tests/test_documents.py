"""What CONTRIBUTING says of the code is there: the ways through it name files that exist, none twice in a way."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_ways_through_the_code_name_files_that_exist_none_twice() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text[text.index("## Ways through the code") : text.index("## House rules")]
    ways = re.findall(r"(?:^- .*\n)+", section, flags=re.M)
    assert len(ways) == 3
    for way in ways:
        files = [path for line in way.splitlines() for path in re.findall(r"`([\w/]+\.py)`", line.split(":")[0])]
        assert len(files) == len(set(files)) >= 5
        assert not [path for path in files if not (ROOT / path).is_file()]


def test_the_rooms_are_folders() -> None:
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M)
    folders = [folder for cell in table for folder in re.findall(r"`([\w/]+)`", cell)]
    assert len(folders) >= 12
    assert not [folder for folder in folders if not (ROOT / folder).is_dir()]
