"""What CONTRIBUTING says of the code is there: the ways through it name files that exist, none twice in a way.

It names files of wings too; those of a wing that was taken out are not looked for.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def missing(paths: list[str]) -> list[str]:
    """Return the files and folders that are not there, but for those of a wing that is not."""
    wings = [re.match(r"(?:theory|validation)/\w+/", path) for path in paths]
    here = [path for path, wing in zip(paths, wings, strict=True) if not wing or (ROOT / wing[0]).is_dir()]
    return [path for path in here if not (ROOT / path).exists()]


def test_ways_through_the_code_name_files_that_exist_none_twice() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text[text.index("## Ways through the code") : text.index("## House rules")]
    ways = re.findall(r"(?:^- .*\n)+", section, flags=re.M)
    assert len(ways) == 5
    for way in ways:
        files = [path for line in way.splitlines() for path in re.findall(r"`([\w/]+\.py)`", line.split(":")[0])]
        assert len(files) == len(set(files)) >= 5
        assert not missing(files)


def test_the_rooms_are_folders() -> None:
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M)
    folders = [folder for cell in table for folder in re.findall(r"`([\w/]+)`", cell)]
    assert len(folders) >= 12
    assert not missing(folders)


def test_what_is_not_there_is_missed() -> None:
    assert missing(["minimodels/no.py", "validation/no.py"]) == ["minimodels/no.py", "validation/no.py"]
    wing = next(path.parent.name for path in sorted(ROOT.glob("theory/*/__init__.py")))
    assert missing([f"theory/{wing}/no.py"]) == [f"theory/{wing}/no.py"]
    assert missing(["theory/taken_out/file.py"]) == []
